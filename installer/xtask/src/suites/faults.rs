//! Faults and attacks: against the engine on this machine's own kernel each for a moment as a suite, and one of them, in
//! the VM too, in full with `cargo xtask faults NAME`.

use super::{Count, cargo_test};
use crate::build::{self, Native, cargo};
use crate::checkout::Checkout;
use crate::packages;
use crate::steps::{Note, Problem, Steps};
use crate::tools;
use anyhow::Result;

const CASES: [&str; 4] = ["-p", "berth-tests", "--test", "faults"];

/// What `cargo xtask faults` knows: the fault, the case that makes it, and how often in full.
const FAULTS: [(&str, &str, u32); 17] = [
    ("engine-killed", "engine_killed", 2_000),
    ("engine-restarts", "engine_restarts", 100),
    ("concurrent", "requests_at_once", 1_000_000),
    ("many", "what_many_containers_took", 10_000),
    ("power-cut", "what_an_engine_promised", 500),
    ("disk-full", "a_full_disk_leaves_nothing", 46),
    ("torn", "a_damaged_file_is_noticed", 10),
    ("attack-runtime", "the_runtime_is_not_overwritten", 1_000),
    ("attack-cwd", "no_descriptor_is_a_working_directory", 1_024),
    ("attack-race", "a_racer_redirects_nothing", 10_000),
    ("attack-swap", "a_swapped_mount_target", 10_000),
    ("attack-copy", "a_swapped_directory_is_not_copied", 10_000),
    ("attack-helpers", "nothing_of_an_image_runs", 1),
    ("attack-bombs", "bombs_take_little_memory", 1_000),
    ("attack-neighbour", "a_neighbour_reaches_only", 1),
    ("channel-cut", "a_channel_that_is_cut", 500),
    ("attack-labels", "labels_are_data", 2_000),
];

/// Those that are made in the VM, by an end-to-end case.
const IN_THE_VM: [(&str, &str, u32); 3] = [
    ("hogs", "the_engine_answers_beside_hogs", 1_000),
    ("vm-orphans", "orphans_of_the_machine", 100_000),
    ("vm-power-cut", "power_is_cut_at_any_moment_of_a_pull", 100),
];

/// The crates with fuzz targets, and how many inputs each target gets in full.
const FUZZED: [&str; 8] = [
    "berth-api",
    "berth-docker-api",
    "berth-engine",
    "berth-image",
    "berth-net",
    "berth-network",
    "berth-protocol",
    "berth-runtime",
];
const INPUTS: u32 = 20_000;
/// How many processes lose their parents in full.
const ORPHANS: u32 = 100_000;

/// How often a registry misbehaves in full.
const REGISTRY: u32 = 1_000;

/// Makes a fault as often as its figure asks for, or `times`.
pub(crate) fn fault(checkout: &Checkout, name: &str, times: Option<u32>) -> Result<()> {
    match name {
        "fuzz" => return fuzz(checkout, times.unwrap_or(INPUTS)),
        "orphans" => return orphans(checkout, times.unwrap_or(ORPHANS)),
        "registry" => return registry(checkout, times.unwrap_or(REGISTRY)),
        _ => {}
    }
    let steps = Steps::new();
    let mut command = cargo(checkout, &["test", "--locked"]);
    let (case, full) = if let Some((case, full)) = known(&FAULTS, name) {
        steps.run("system packages", |note| packages::install_missing(checkout, false, note))?;
        let programs = steps.run("native programs", |note| build::native(checkout, Native::Shipped, note))?;
        steps.run("test tools", |note| tools::install(checkout, note))?;
        super::environment(checkout, command.args(CASES)).env("BERTH_TEST_NATIVE", programs);
        (case, full)
    } else if let Some((case, full)) = known(&IN_THE_VM, name) {
        super::prepare_e2e(checkout, &steps)?;
        super::environment(checkout, command.args(super::E2E));
        (case, full)
    } else {
        let names = FAULTS.iter().chain(&IN_THE_VM).map(|(known, ..)| *known).collect::<Vec<_>>().join(", ");
        let message = format!("use one of: {names}, fuzz, orphans, registry");
        return Err(Problem::because(format!("there is no fault named {name}"), message));
    };
    let times = times.unwrap_or(full);
    command.args(["--", case, "--nocapture"]);
    let status = command.env("BERTH_TEST_COUNT", times.to_string()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Problem::because(
            format!("{name} x{times} ended with {status}"),
            "run it again with the BERTH_TEST_SEED that it printed to make the same choices",
        )),
    }
}

/// What is known of a fault by its name.
fn known<'a>(all: &[(&str, &'a str, u32)], name: &str) -> Option<(&'a str, u32)> {
    all.iter().find(|(known, ..)| *known == name).map(|(_, case, full)| (*case, *full))
}

/// Gives every fuzz target so many inputs.
fn fuzz(checkout: &Checkout, inputs: u32) -> Result<()> {
    let mut command = cargo(checkout, &["test", "--locked", "--no-fail-fast"]);
    command.args(FUZZED.iter().flat_map(|name| ["-p", name])).args(["--bins", "--lib", "--test", "container"]);
    command.args(["--", "fuzz::"]).env("PROPTEST_CASES", inputs.to_string());
    let status = command.status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Problem::because(
            format!("a fuzz target failed within {inputs} inputs"),
            "the smallest input that fails is printed above and kept in proptest-regressions: run it again after the fix",
        )),
    }
}

/// Has the reaper of PID 1 bury so many orphans.
fn orphans(checkout: &Checkout, count: u32) -> Result<()> {
    let mut command = cargo(checkout, &["test", "--locked", "-p", "berth-agent", "--bin", "berth-agent"]);
    command.args(["--", "orphans", "--nocapture"]).env("BERTH_TEST_COUNT", count.to_string());
    let status = command.status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Problem::because(format!("orphans x{count} ended with {status}"), "read its output above")),
    }
}

/// Has pulls meet a registry that misbehaves so many times.
fn registry(checkout: &Checkout, count: u32) -> Result<()> {
    let steps = Steps::new();
    steps.run("system packages", |note| packages::install_missing(checkout, false, note))?;
    let mut command = cargo(checkout, &["test", "--locked", "-p", "berth-image", "--test", "images"]);
    command.args(["--", "faults::", "--nocapture"]).env("BERTH_TEST_COUNT", count.to_string());
    let status = command.status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Problem::because(
            format!("registry x{count} ended with {status}"),
            "run it again with the BERTH_TEST_SEED that it printed to make the same choices",
        )),
    }
}

/// The suite.
pub(super) fn run(checkout: &Checkout, only: Option<&str>, note: &Note) -> Result<Count> {
    let programs = build::native(checkout, Native::Checked, note)?;
    cargo_test(checkout, "faults", &CASES, &[("BERTH_TEST_NATIVE", programs)], only, note)
}
