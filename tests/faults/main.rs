//! Faults that the engine must survive, the shapes of its answers, and the docker CLI at registries, on the real engine, runtime and kernel of this
//! machine.
//!
//! `cargo xtask faults NAME [--count N]` runs one in full; without `BERTH_TEST_COUNT`, as in `cargo xtask test`, each is
//! short.

mod answers;
mod attacks;
mod channel_cut;
mod concurrent;
mod disk;
mod disk_full;
mod engine_killed;
mod engine_restarts;
mod history;
mod idle;
mod many;
mod odds;
mod power_cut;
mod registries;
mod registry;
mod torn;

/// How often: what the caller asked for, or a few times.
fn count(short: u32) -> u32 {
    std::env::var("BERTH_TEST_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(short)
}
