//! `cargo xtask test`: every suite, fast ones first, and one count at the end. `cargo xtask bench`.

mod count;
mod faults;
mod machine;

use crate::build::{self, cargo};
use crate::checkout::Checkout;
use crate::steps::{Note, Problem, Steps, seconds};
use crate::{fixtures, lint, packages, process, targets, tools};
use anyhow::Result;
use count::Count;
pub(crate) use faults::fault;
use std::path::PathBuf;
use std::process::Command;

/// A suite: its name, what it is, what must be built before it, and how it runs.
struct Suite {
    name: &'static str,
    about: &'static str,
    after: Built,
    run: fn(&Checkout, Option<&str>, &Note) -> Result<Count>,
}

/// What is built before a suite, each with those in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Built {
    /// Nothing but the suite itself.
    Nothing,
    /// The pages, which the window's crate takes in.
    Pages,
    /// All that ships.
    Everything,
}

const SUITES: [Suite; 6] = [
    Suite {
        name: "rules",
        about: "layer rules and other facts of the tree",
        after: Built::Nothing,
        run: |c, only, n| cargo_test(c, "rules", &["-p", "berth-tests", "--test", "rules"], &[], only, n),
    },
    Suite { name: "pages", about: "unit tests of the window's pages", after: Built::Pages, run: vitest },
    Suite {
        name: "unit",
        about: "unit and component tests of every crate",
        after: Built::Pages,
        run: |c, only, n| cargo_test(c, "unit", &["--workspace", "--exclude", "berth-tests"], &[], only, n),
    },
    Suite {
        name: "machine",
        about: "the VM port's promises, kept by QEMU with a real guest",
        after: Built::Everything,
        run: machine::run,
    },
    Suite {
        name: "faults",
        about: "faults and attacks against the engine on this machine's kernel, each for a moment",
        after: Built::Nothing,
        run: faults::run,
    },
    Suite {
        name: "e2e",
        about: "berth, docker and the window against the real machine",
        after: Built::Everything,
        run: |c, only, n| cargo_test(c, "e2e", &E2E, &[], only, n),
    },
];

/// Where the end-to-end cases are.
const E2E: [&str; 4] = ["-p", "berth-tests", "--test", "e2e"];

/// Prints the suites.
pub(crate) fn list() {
    for suite in &SUITES {
        println!("{:<10} {}", suite.name, suite.about);
    }
}

/// Builds what the tests need and runs the suites; all when none is named.
pub(crate) fn run(checkout: &Checkout, names: &[String], only: Option<&str>) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| SUITES.iter().all(|suite| suite.name != **name)) {
        return Err(Problem::because(
            format!("there is no suite named {unknown}"),
            "see the suites with: cargo xtask test --list",
        ));
    }
    let steps = Steps::new();
    let chosen: Vec<_> =
        SUITES.iter().filter(|suite| names.is_empty() || names.iter().any(|name| name == suite.name)).collect();
    steps.run("system packages", |note| packages::install_missing(checkout, false, note))?;
    if names.is_empty() {
        lint::lint(checkout, &steps)?;
        targets::check(checkout, &steps)?;
    }
    match chosen.iter().map(|suite| suite.after).max() {
        Some(Built::Everything) => build::all(checkout, &steps)?,
        Some(Built::Pages) => steps.run("window pages", |note| build::pages(checkout, note))?,
        Some(Built::Nothing) | None => {}
    }
    if chosen.iter().any(|suite| suite.name == "e2e") {
        fetch_for_e2e(checkout, &steps)?;
    }
    let mut total = Count::default();
    for suite in chosen {
        // A failed suite is counted and shown, and the next one still runs.
        let ran = steps.run(&format!("suite {}", suite.name), |note| {
            let count = (suite.run)(checkout, only, note)?;
            note.set(count.to_string());
            Ok(count)
        });
        total = total
            + ran.unwrap_or_else(|error| {
                error.downcast_ref::<Failed>().map_or(Count { failed: 1, ..Count::default() }, |failed| failed.count)
            });
    }
    println!("\nall suites took {}", seconds(steps.elapsed()));
    println!("{total}");
    if total.failed > 0 || total.passed == 0 {
        return Err(Problem::because(
            format!("{} tests failed", total.failed),
            format!("their output is in {}", checkout.logs().display()),
        ));
    }
    Ok(())
}

/// What end-to-end cases need besides a build.
fn fetch_for_e2e(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("test images", |note| fixtures::build(checkout, note))?;
    steps.run("test tools", |note| tools::install(checkout, note))
}

/// All that end-to-end cases need.
fn prepare_e2e(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("system packages", |note| packages::install_missing(checkout, false, note))?;
    build::all(checkout, steps)?;
    fetch_for_e2e(checkout, steps)
}

/// Runs a bench of `tests/bench`: of the machine, or of the engine on this machine's own kernel.
pub(crate) fn bench(checkout: &Checkout, name: &str, rounds: u32) -> Result<()> {
    let steps = Steps::new();
    let mut command =
        cargo(checkout, &["run", "--release", "--quiet", "-p", "berth-tests", "--bin", "bench", "--", name]);
    if name == "boot" {
        build::all(checkout, &steps)?;
    } else if name == "into-vm" {
        prepare_e2e(checkout, &steps)?;
        steps.run("what measures", |note| machine::load(checkout, note))?;
    } else {
        steps.run("peers", |note| packages::install_peers(checkout, note))?;
        let programs = steps.run("native programs", |note| build::native(checkout, build::Native::Shipped, note))?;
        command.env("BERTH_TEST_NATIVE", programs);
    }
    let status = environment(checkout, command.args(["--rounds", &rounds.to_string()])).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(Problem::because(format!("the bench {name} ended with {status}"), "read its output above"))
    }
}

/// What the tests are told about this build.
fn environment<'a>(checkout: &Checkout, command: &'a mut Command) -> &'a mut Command {
    command
        .env("BERTH_TEST_DIST", checkout.dist())
        .env("BERTH_TEST_REGISTRY", checkout.fixture_registry())
        .env("BERTH_TEST_TOOLS", checkout.tools())
        .env("BERTH_TEST_OUTPUT", checkout.target.join("e2e"))
}

/// A suite whose tests did not all pass, with its count.
#[derive(Debug)]
struct Failed {
    count: Count,
    why: String,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.count, self.why)
    }
}

impl std::error::Error for Failed {}

/// Runs the tests that `arguments` choose, with `variables` besides those that every suite gets.
fn cargo_test(
    checkout: &Checkout,
    name: &str,
    arguments: &[&str],
    variables: &[(&str, PathBuf)],
    only: Option<&str>,
    note: &Note,
) -> Result<Count> {
    let mut command = cargo(checkout, &["test", "--locked", "--no-fail-fast"]);
    command.envs(variables.iter().cloned()).args(arguments).arg("--").args(only);
    match name {
        // Each case has a machine of its own and waits for it half of its time: two at once fill two cores.
        "e2e" => {
            command.arg("--test-threads=2");
        }
        // These keep the cores busy alone.
        "machine" | "faults" => {
            command.arg("--test-threads=1");
        }
        _ => {}
    }
    let mut count = Count::default();
    let (status, lines) = process::capture(checkout, name, environment(checkout, &mut command), |line| {
        count.read_cargo(line);
        note.set(if line.starts_with("test ") { line.to_owned() } else { count.to_string() });
    })?;
    if status.success() && count.failed == 0 {
        return Ok(count);
    }
    if count.failed == 0 {
        return Err(process::failure(checkout, name, &command, status));
    }
    Err(Failed { count, why: count::failures(&lines) }.into())
}

fn vitest(checkout: &Checkout, only: Option<&str>, note: &Note) -> Result<Count> {
    let report = checkout.target.join("vitest.json");
    let mut command = Command::new("npx");
    command.args(["vitest", "run", "--reporter=json"]).arg(format!("--outputFile={}", report.display()));
    command.args(only.map(|name| format!("--testNamePattern={name}"))).current_dir(checkout.root.join("ui"));
    let (status, _) = process::capture(checkout, "pages", &mut command, |line| note.set(line))?;
    let count = std::fs::read(&report).ok().and_then(|bytes| Count::read_vitest(&bytes));
    match count {
        Some(count) if status.success() => Ok(count),
        _ => Err(process::failure(checkout, "pages", &command, status)),
    }
}
