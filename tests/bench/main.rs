//! `cargo xtask bench NAME`: ours, peer and limit from one run, interleaved.

mod api;
mod boot;
mod dockerd;
mod empty_init;
mod figure;
mod floor;
mod follower;
mod gateway;
mod into_vm;
mod list;
mod logs;
mod memory;
mod place;
mod ports;
mod prepared;
mod pull;
mod runtime;

use std::process::ExitCode;

/// A bench: its name, and how it runs for a number of rounds.
type Bench = (&'static str, fn(u32));

const BENCHES: [Bench; 11] = [
    ("boot", boot::run),
    ("runtime", runtime::run),
    ("api", api::run),
    ("list", list::run),
    ("logs", logs::run),
    ("follower", follower::run),
    ("memory", memory::run),
    ("pull", pull::run),
    ("ports", ports::run),
    ("gateway", gateway::run),
    ("into-vm", into_vm::run),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rounds = match (arguments.next().as_deref(), arguments.next().map(|n| n.parse())) {
        (Some("--rounds"), Some(Ok(rounds))) if rounds > 0 => rounds,
        (None, _) => 5,
        _ => return usage(),
    };
    let Some((_, run)) = BENCHES.iter().find(|(known, _)| *known == name) else { return usage() };
    run(rounds);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let names = BENCHES.map(|(name, _)| name).join("|");
    eprintln!("usage: bench {names} [--rounds N]   (N at least 1)");
    ExitCode::from(2)
}
