//! Checks that the host crates compile for Windows and macOS. What a target lacks is an adapter that is absent there.

use crate::build::{cargo, pages};
use crate::checkout::Checkout;
use crate::process;
use crate::steps::{Problem, Steps};
use anyhow::Result;
use std::process::Command;

/// The targets, and the crates that must compile for each.
const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];
const CRATES: [&str; 5] = ["berth-api", "berth-machine", "berth-host", "berth-cli", "berth-desktop"];

/// Runs `cargo check` for each target.
pub(crate) fn check(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("window pages", |note| pages(checkout, note))?;
    for target in TARGETS {
        steps.run(target, |note| {
            let mut add = Command::new("rustup");
            process::run(checkout, "rustup-target", add.args(["target", "add", target]), note).map_err(|error| {
                Problem::because(
                    format!("the standard library for {target} cannot be installed: {error}"),
                    format!("install it yourself with: rustup target add {target}"),
                )
            })?;
            let mut arguments = vec!["check", "--locked", "--target", target];
            arguments.extend(CRATES.iter().flat_map(|name| ["-p", name]));
            let mut command = cargo(checkout, &arguments);
            // One crate of the window compiles Objective-C on macOS, which needs Apple's SDK.
            command.env("CC_aarch64_apple_darwin", checkout.root.join("installer/xtask/check-only-cc"));
            process::run(checkout, &format!("check-{target}"), &mut command, note)
        })?;
    }
    Ok(())
}
