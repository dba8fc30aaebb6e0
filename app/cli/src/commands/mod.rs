//! What the verbs do: one function each, with the answers of `berth-api` turned into text.

mod change;
mod containers;
mod context;
mod cp;
mod disk_usage;
mod doctor;
mod events;
mod exec;
mod explore;
mod files;
mod images;
mod inspect;
mod into_file;
mod list_images;
mod listing;
mod login;
mod logs;
mod machine;
mod networks;
mod ports;
mod prune;
mod run;
mod search;
mod session;
mod since;
mod stats;
mod system;
mod versions;
mod volumes;

use crate::{
    arguments::{Cli, Command, ContainerCommand, ContainerVerb, ImageCommand, SystemVerb},
    failure::{self, Failure, Outcome, say},
    output::outln,
};
use berth_api::{BerthHome, Client, Error, MachineState, Problem};
use std::future::Future;

/// Runs a command; gives its exit code.
pub(crate) async fn run(cli: Cli) -> Outcome {
    let client = Client::new(BerthHome::from_env()?);
    match cli.command {
        Command::Up => machine::up(&client).await,
        Command::Down => machine::down(&client).await,
        Command::Status { json } => machine::status(&client, json).await,
        Command::Welcome => machine::welcome(&client).await,
        Command::Ports(options) => ports::ports(&client, options).await,
        Command::Doctor { .. } => doctor::images(&client).await,
        Command::OnContainer(verb) | Command::Container(ContainerCommand::Verb(verb)) => {
            Box::pin(on_container(&client, *verb)).await
        }
        Command::Container(ContainerCommand::Ls(options)) => listing::ps(&client, &options).await,
        Command::Container(ContainerCommand::Inspect(options)) => inspect::containers(&client, &options).await,
        Command::Container(ContainerCommand::Prune { force, filter }) => {
            prune::containers(&client, force, &filter).await
        }
        Command::Image(ImageCommand::Explore { no_trunc, format, name }) => {
            explore::explore(&client, &name, no_trunc, format.as_deref()).await
        }
        Command::Image(ImageCommand::Prune { all, force, filter }) => prune::images(&client, all, force, &filter).await,
        Command::System(SystemVerb::Prune { all, volumes, force, filter }) => {
            prune::system(&client, all, volumes, force, &filter).await
        }
        Command::Events(options) => events::events(&client, &options).await,
        Command::Info { format } => system::info(&client, format.as_deref()).await,
        Command::System(SystemVerb::Df { verbose, format }) => {
            disk_usage::df(&client, verbose, format.as_deref()).await
        }
        Command::Inspect(options) => inspect::any(&client, &options).await,
        Command::Login(options) => login::login(&client, options).await,
        Command::Search(options) => search::search(&client, &options).await,
        Command::Logout { server } => login::logout(server.as_deref()).await,
        Command::OnImage(verb) | Command::Image(ImageCommand::Verb(verb)) => {
            Box::pin(images::verb(&client, *verb)).await
        }
        Command::Image(ImageCommand::Inspect(options)) => inspect::images(&client, &options).await,
        Command::Images(options) | Command::Image(ImageCommand::Ls(options)) => {
            list_images::images(&client, &options).await
        }
        Command::Rmi(options) | Command::Image(ImageCommand::Rm(options)) => {
            images::rmi(&client, options.force, &options.names.names).await
        }
        Command::Network(command) => networks::network(&client, command).await,
        Command::Volume(command) => volumes::volume(&client, command).await,
        Command::Context { make_current, remove } => context::context(&client, make_current, remove),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::shown(), "berth", &mut crate::output::Out);
            Ok(0)
        }
        Command::Version => versions::version(&client).await,
    }
}

async fn on_container(client: &Client, verb: ContainerVerb) -> Outcome {
    match verb {
        ContainerVerb::Run(options) => run::run(client, options).await,
        ContainerVerb::Create(options) => run::create(client, &options).await,
        ContainerVerb::Exec(options) => exec::exec(client, options).await,
        ContainerVerb::Attach(options) => exec::attach(client, &options).await,
        ContainerVerb::Ps(options) => listing::ps(client, &options).await,
        ContainerVerb::Start(options) => containers::start(client, &options).await,
        ContainerVerb::Stop(options) => containers::stop(client, &options).await,
        ContainerVerb::Restart(options) => containers::restart(client, &options).await,
        ContainerVerb::Kill { signal, names } => containers::kill(client, &signal, &names.names).await,
        ContainerVerb::Pause(names) => change::pause(client, &names.names).await,
        ContainerVerb::Unpause(names) => change::unpause(client, &names.names).await,
        ContainerVerb::Update(options) => change::update(client, &options).await,
        ContainerVerb::Rename { name, new_name } => Ok(client.rename_container(&name, &new_name).await.map(|()| 0)?),
        ContainerVerb::Stats(options) => stats::stats(client, &options).await,
        ContainerVerb::Top(options) => stats::top(client, &options).await,
        ContainerVerb::Cp(options) => cp::cp(client, &options).await,
        ContainerVerb::Diff { name } => files::diff(client, &name).await,
        ContainerVerb::Export(options) => files::export(client, &options).await,
        ContainerVerb::Commit(options) => files::commit(client, options).await,
        ContainerVerb::Port(options) => system::port(client, &options).await,
        ContainerVerb::Logs(options) => logs::logs(client, options).await,
        ContainerVerb::Wait(names) => containers::wait(client, &names.names).await,
        ContainerVerb::Rm { link: true, .. } => {
            Err(failure::invalid("links between containers are not supported: leave out --link"))
        }
        ContainerVerb::Rm { force, volumes, names, link: false } => {
            containers::rm(client, force, volumes, &names.names).await
        }
    }
}

/// Does `act` for each name, as docker does: each that went well is printed, each that failed is told, and one failure
/// fails the command.
async fn each<F: Future<Output = Result<(), Error>>>(names: &[String], act: impl Fn(String) -> F) -> Outcome {
    let mut failed = false;
    for name in names {
        match act(name.clone()).await {
            Ok(()) => outln!("{name}"),
            Err(error) => {
                failed = true;
                let problem = error.problem();
                say(&problem);
                if problem.code == berth_api::Code::MachineStopped {
                    break;
                }
            }
        }
    }
    if failed { Err(Failure::Said(1)) } else { Ok(0) }
}

/// For commands whose answer streams: a machine that is not running is said at once, not waited for.
async fn must_run(client: &Client) -> Result<(), Failure> {
    match client.status().await?.state {
        MachineState::Stopped => Err(Problem::machine_stopped().into()),
        _ => Ok(()),
    }
}
