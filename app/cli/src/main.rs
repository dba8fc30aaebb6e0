//! `berth`, the command line: docker's verbs for containers and images, and a few of its own for the machine.
#![cfg_attr(test, allow(clippy::unwrap_used))]
// What is printed goes through `output`.
#![deny(clippy::print_stdout)]

mod arguments;
mod commands;
mod copy;
mod failure;
mod output;
mod render;
mod signals;
mod terminal;

use arguments::{Cli, Misunderstood, exit_code};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::typed(std::env::args_os()) {
        Ok(cli) => cli,
        Err(Misunderstood::Flag(text)) => return ExitCode::from(failure::invalid(text).report(true)),
        Err(Misunderstood::Other(error)) => {
            // Whoever does not listen any more misses nothing that matters.
            error.print().ok();
            return ExitCode::from(exit_code(&error));
        }
    };
    let needs_125 = cli.command.fails_with_125();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("berth: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(commands::run(cli)).unwrap_or_else(|failure| failure.report(needs_125));
    // Reading a terminal blocks a thread that nothing can wake up.
    runtime.shutdown_background();
    ExitCode::from(code)
}
