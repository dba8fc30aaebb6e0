//! The developer commands of Berth: `cargo xtask <command>`.

mod build;
mod checkout;
mod fixtures;
mod lint;
mod oci;
mod packages;
mod process;
mod stamp;
mod steps;
mod suites;
mod targets;
mod tools;
mod up;
mod welcome;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Build, run and test Berth from its checkout")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, boot the machine, run the welcome container, fetch its page, open the window
    Up {
        /// Install missing system packages without asking
        #[arg(long, short)]
        yes: bool,
        /// Do not open the window
        #[arg(long)]
        no_window: bool,
    },
    /// Build everything into dist/
    Build,
    /// Build the guest's programs, its image and the welcome image into dist/
    Guest,
    /// Run the built `berth` with these arguments
    Berth {
        /// What to pass on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run every test, the end-to-end ones included; or only the suites named
    Test {
        /// Suites to run: see `--list`
        suites: Vec<String>,
        /// Print the names of the suites
        #[arg(long)]
        list: bool,
        /// Only tests whose name contains this
        #[arg(long)]
        only: Option<String>,
    },
    /// Check formatting, clippy and the pages' linters
    Lint,
    /// Build the test images and put them into the storage of a registry
    Fixtures,
    /// Check that the host crates compile for Windows and macOS
    CheckTargets,
    /// Make a fault or an attack as often as its figure asks for
    Faults {
        /// engine-killed, engine-restarts, concurrent, many, hogs, orphans, vm-orphans, fuzz, attack-runtime, attack-cwd, attack-race,
        /// attack-swap, attack-copy, attack-helpers, attack-labels
        name: String,
        /// How often, instead
        #[arg(long)]
        count: Option<u32>,
    },
    /// Measure: ours, peer and limit in one run
    Bench {
        /// What to measure: boot, runtime, api, list, logs, follower, memory, pull, ports, gateway, into-vm
        name: String,
        /// Rounds
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(problem) = error.downcast_ref::<steps::Problem>() {
                eprintln!("xtask: {}", problem.why.lines().next().unwrap_or_default());
                eprintln!("       {}", problem.todo);
            } else {
                eprintln!("xtask: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let checkout = checkout::Checkout::find()?;
    match command {
        Command::Up { yes, no_window } => up::up(&checkout, yes, !no_window),
        Command::Build => {
            let steps = steps::Steps::new();
            steps.run("system packages", |note| packages::install_missing(&checkout, false, note))?;
            build::all(&checkout, &steps)
        }
        Command::Guest => build::guest(&checkout, &steps::Steps::new()),
        Command::Berth { arguments } => up::berth(&checkout, &arguments),
        Command::Test { list: true, .. } => {
            suites::list();
            Ok(())
        }
        Command::Test { suites, only, .. } => suites::run(&checkout, &suites, only.as_deref()),
        Command::Lint => lint::lint(&checkout, &steps::Steps::new()),
        Command::Fixtures => steps::Steps::new().run("test images", |note| fixtures::build(&checkout, note)),
        Command::CheckTargets => targets::check(&checkout, &steps::Steps::new()),
        Command::Faults { name, count } => suites::fault(&checkout, &name, count),
        Command::Bench { name, rounds } => suites::bench(&checkout, &name, rounds),
    }
}
