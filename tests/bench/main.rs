//! `cargo xtask bench NAME`: ours, peer and limit from one run, interleaved.

mod boot;
mod empty_init;
mod figure;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rounds = match (arguments.next().as_deref(), arguments.next().map(|n| n.parse())) {
        (Some("--rounds"), Some(Ok(rounds))) if rounds > 0 => rounds,
        (None, _) => 5,
        _ => return usage(),
    };
    match name.as_str() {
        "boot" => boot::run(rounds),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: bench boot [--rounds N]   (N at least 1)");
    ExitCode::from(2)
}
