//! Formatting, clippy and the pages' linters. A warning fails.

use crate::build::{cargo, npm, pages};
use crate::checkout::Checkout;
use crate::process;
use crate::steps::Steps;
use anyhow::Result;

/// Runs all of them.
pub(crate) fn lint(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("formatting", |note| {
        process::run(checkout, "fmt", &mut cargo(checkout, &["fmt", "--all", "--check"]), note)
    })?;
    // The window embeds the pages, so they come first.
    steps.run("window pages", |note| pages(checkout, note))?;
    steps.run("clippy", |note| {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        process::run(checkout, "clippy", &mut cargo(checkout, &arguments), note)
    })?;
    steps.run("pages' linters", |note| {
        npm(checkout, "ui-lint", &["run", "lint"], note)?;
        npm(checkout, "ui-check", &["run", "check"], note)
    })
}
