//! What may be typed. Verbs and options are docker's.

mod change;
mod endpoint;
mod exec;
mod files;
mod flags;
mod health;
mod images;
mod isolation;
mod limits;
mod logging;
mod networks;
mod observe;
mod ports;
mod run;

pub(crate) use change::{ContainerCommand, Update};
pub(crate) use endpoint::Connect;
pub(crate) use exec::{Attach, Exec, Start};
pub(crate) use files::{Commit, Cp, Export};
pub(crate) use flags::{Misunderstood, exit_code};
pub(crate) use images::{History, ImageCommand, ImageVerb, Images, Import, Load, RemoveImages, Save};
pub(crate) use networks::NetworkCommand;
pub(crate) use observe::{Events, Inspect, Port, Ps, Stats, SystemVerb, Top, filters};
pub(crate) use ports::{Ports, PortsVerb};
pub(crate) use run::{CreateOptions, Run};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Linux containers in a lightweight VM.
#[derive(Debug, Parser)]
#[command(name = "berth", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the machine
    Up,
    /// Stop the machine, and every container in it
    Down,
    /// Show what the machine does
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run the welcome container and print its address
    Welcome,
    /// Show published ports, or open them to the network
    Ports(Ports),
    /// Look for damage, and set aside what is damaged
    Doctor {
        /// Read every stored image and compare it with what it was
        #[arg(long, required = true)]
        images: bool,
    },
    #[command(flatten)]
    OnContainer(Box<ContainerVerb>),
    /// Show what happens to containers, images, volumes and networks, until interrupted
    Events(Events),
    /// Show the engine and its machine
    Info {
        /// "json", or a template such as '{{.ServerVersion}}'
        #[arg(short, long, value_name = "FORMAT")]
        format: Option<String>,
    },
    /// Work with the machine as a whole
    #[command(subcommand)]
    System(SystemVerb),
    /// Work with containers
    #[command(subcommand)]
    Container(ContainerCommand),
    /// Show everything about containers, images, volumes or networks, as JSON
    Inspect(Inspect),
    /// Log in at a registry
    Login(Login),
    /// Search docker.io, or list what another registry has: localhost:5000/word
    Search(Search),
    /// Forget the login at a registry
    Logout {
        /// Such as localhost:5000; docker.io without it
        server: Option<String>,
    },
    #[command(flatten)]
    OnImage(Box<ImageVerb>),
    /// Work with images
    #[command(subcommand)]
    Image(ImageCommand),
    /// List images
    Images(Images),
    /// Remove images
    Rmi(RemoveImages),
    /// Work with networks
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Work with volumes
    #[command(subcommand)]
    Volume(Volume),
    /// Let the docker command find this machine, as the context "berth"
    Context {
        /// Make it docker's current context too
        #[arg(long = "use")]
        make_current: bool,
        /// Take the context away again
        #[arg(long, conflicts_with = "make_current")]
        remove: bool,
    },
    /// Print the completion script of a shell
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Show versions of this program and of the engine
    Version,
}

/// What is done with containers, with or without the word "container" in front.
#[derive(Debug, Subcommand)]
pub(crate) enum ContainerVerb {
    /// Create a container from an image and run it
    Run(Run),
    /// Create a container without starting it
    Create(CreateOptions),
    /// Execute a command in a running container
    Exec(Exec),
    /// Attach to the standard streams of a running container
    Attach(Attach),
    /// List containers
    Ps(Ps),
    /// Start containers
    Start(Start),
    /// Stop containers
    Stop(Timed),
    /// Stop containers and start them again
    Restart(Timed),
    /// Send a signal to containers
    Kill {
        /// Name or number of the signal
        #[arg(short, long, default_value = "KILL")]
        signal: String,
        #[command(flatten)]
        names: Names,
    },
    /// Freeze containers
    Pause(Names),
    /// Let paused containers go on
    Unpause(Names),
    /// Change limits and restart policies of containers
    Update(Update),
    /// Give a container another name
    Rename {
        /// The container
        name: String,
        /// Its new name
        new_name: String,
    },
    /// Show what containers use, until interrupted
    Stats(Stats),
    /// Show the processes of a container
    Top(Top),
    /// Copy files out of a container or into one
    Cp(Cp),
    /// Show which files of a container are not its image's: added (A), changed (C), deleted (D)
    Diff {
        /// The container
        name: String,
    },
    /// Write all files of a container as a tar archive
    Export(Export),
    /// Make an image of a container
    Commit(Commit),
    /// Show the published ports of a container
    Port(Port),
    /// Show the machine's console, or the output of a container
    Logs(Logs),
    /// Wait until containers end and print their exit codes
    Wait(Names),
    /// Remove containers
    Rm {
        /// Kill those that run first
        #[arg(short, long)]
        force: bool,
        /// Remove their anonymous volumes too
        #[arg(short, long)]
        volumes: bool,
        /// Remove a legacy link; there are none
        #[arg(short, long, hide = true)]
        link: bool,
        #[command(flatten)]
        names: Names,
    },
}

impl Command {
    /// Whether its own failures end with 125, since lower codes belong to the container.
    pub(crate) fn fails_with_125(&self) -> bool {
        match self {
            Self::OnContainer(verb) | Self::Container(ContainerCommand::Verb(verb)) => {
                matches!(**verb, ContainerVerb::Run(_))
            }
            _ => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Only some: stars=NUMBER, is-official=true
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// "table", "json", or a template such as '{{.Name}}'
    #[arg(long, default_value = "table", value_name = "FORMAT", hide_default_value = true)]
    pub(crate) format: String,
    /// How many at most, 1 to 100; 25 without it
    #[arg(long, allow_negative_numbers = true, value_name = "NUMBER")]
    pub(crate) limit: Option<i64>,
    /// Whole descriptions
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Part of a name; the whole of another registry is "localhost:5000/"
    pub(crate) term: String,
}

#[derive(Args)]
pub(crate) struct Login {
    /// The account
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Its password or access token; everyone on this computer can read it there
    #[arg(short, long, value_name = "PASSWORD")]
    pub(crate) password: Option<String>,
    /// Read the password or access token from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Such as localhost:5000; docker.io without it
    pub(crate) server: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("server", &self.server).finish_non_exhaustive()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Names {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Timed {
    /// The signal to stop it with; the container's own setting without it
    #[arg(short, long)]
    pub(crate) signal: Option<String>,
    /// Seconds before it is killed; the container's own setting without it
    #[arg(
        short = 't',
        long = "timeout",
        visible_alias = "time",
        allow_negative_numbers = true,
        value_name = "SECONDS"
    )]
    pub(crate) time: Option<i32>,
    #[command(flatten)]
    pub(crate) names: Names,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines, a number or "all"
    #[arg(short = 'n', long, default_value = "all", value_name = "LINES", allow_negative_numbers = true)]
    pub(crate) tail: String,
    /// Only what was written since: a time (2026-11-20T10:00:00Z), seconds since 1970, or an age (10m, 2h30m)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only what was written until then
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Print what the log's options attach to each line
    #[arg(long)]
    pub(crate) details: bool,
    /// Print each line's time
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// The container; the machine's console without it
    pub(crate) name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Volume {
    /// List volumes
    Ls {
        /// Only names
        #[arg(short, long)]
        quiet: bool,
    },
    /// Create a volume
    Create {
        /// Its name; one is made up without it
        name: Option<String>,
    },
    /// Remove volumes
    Rm {
        /// A volume that is not there is no error
        #[arg(short, long)]
        force: bool,
        #[command(flatten)]
        names: Names,
    },
    /// Show everything about volumes, as JSON
    Inspect(Names),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was typed about containers.
    pub(super) fn verb(cli: Cli) -> ContainerVerb {
        let Command::OnContainer(verb) = cli.command else { panic!("nothing about containers") };
        *verb
    }

    #[test]
    fn options_behind_the_image_belong_to_the_container() {
        let cli = Cli::typed(["berth", "run", "--rm", "-p80", "busybox", "ls", "--rm", "-d", "--", "x"]).unwrap();
        let ContainerVerb::Run(run) = verb(cli) else { panic!("not run") };
        assert!(run.create.rm && !run.detach);
        assert_eq!(run.create.image_and_command, ["busybox", "ls", "--rm", "-d", "--", "x"]);
        assert_eq!(run.create.publish, ["80"]);
    }

    #[test]
    fn h_is_the_host_name_as_in_docker() {
        let cli = Cli::typed(["berth", "run", "-h", "web", "busybox"]).unwrap();
        let ContainerVerb::Run(run) = verb(cli) else { panic!("not run") };
        assert_eq!(run.create.hostname.as_deref(), Some("web"));
    }
}
