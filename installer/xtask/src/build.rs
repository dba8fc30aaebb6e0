//! Builds everything that ships and assembles it in `dist/`, as an installed Berth is laid out.

use crate::checkout::Checkout;
use crate::process;
use crate::stamp::Stamp;
use crate::steps::{Note, Problem, Steps};
use crate::welcome;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target triple of the guest's programs.
pub(crate) const GUEST_TARGET: &str = "x86_64-unknown-linux-gnu";
/// The architecture of the guest.
pub(crate) const ARCH: guest_image::Arch = guest_image::Arch::Amd64;
/// Links the guest's programs without shared libraries: its first root holds no libc for them.
pub(crate) const STATIC: [(&str, &str); 1] =
    [("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static")];

/// Builds window, host programs, guest and welcome image.
pub(crate) fn all(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("window pages", |note| pages(checkout, note))?;
    steps.run("host programs", |note| host(checkout, note))?;
    guest(checkout, steps)
}

/// Builds the guest's programs, the guest image and the welcome image.
pub(crate) fn guest(checkout: &Checkout, steps: &Steps) -> Result<()> {
    let programs = steps.run("guest programs", |note| guest_programs(checkout, note))?;
    steps.run("guest image", |note| guest_image(checkout, &programs, note))?;
    steps.run("welcome image", |note| welcome::build(checkout, note))
}

/// Builds the pages of the window into `ui/dist`.
pub(crate) fn pages(checkout: &Checkout, note: &Note) -> Result<()> {
    let ui = checkout.root.join("ui");
    let stamp = Stamp::of(checkout, "ui", std::slice::from_ref(&ui), "")?;
    if stamp.is_fresh(&[ui.join("dist/index.html"), ui.join("node_modules")]) {
        note.set("unchanged");
        return Ok(());
    }
    npm(checkout, "npm-ci", &["ci", "--no-audit", "--no-fund"], note)?;
    npm(checkout, "npm-build", &["run", "build"], note)?;
    stamp.keep()
}

/// Runs npm in `ui/`.
pub(crate) fn npm(checkout: &Checkout, log: &str, arguments: &[&str], note: &Note) -> Result<()> {
    process::run(checkout, log, Command::new("npm").args(arguments).current_dir(checkout.root.join("ui")), note)
}

/// Cargo with the arguments that every call shares.
pub(crate) fn cargo(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(&checkout.root).env("CARGO_TERM_COLOR", "never");
    command
}

fn host(checkout: &Checkout, note: &Note) -> Result<()> {
    let mut command = cargo(
        checkout,
        &[
            "build",
            "--release",
            "--locked",
            "-p",
            "berth-cli",
            "-p",
            "berth-host",
            "-p",
            "berth-desktop",
            "--features",
            "berth-desktop/custom-protocol",
        ],
    );
    process::run(checkout, "build-host", &mut command, note)?;
    for name in ["berth", "berthd", "berth-desktop"] {
        place(&checkout.target.join("release").join(name), &checkout.program(name))?;
    }
    Ok(())
}

fn guest_programs(checkout: &Checkout, note: &Note) -> Result<guest_image::Programs> {
    let mut command = cargo(
        checkout,
        &[
            "build",
            "--profile",
            "guest",
            "--locked",
            "--target",
            GUEST_TARGET,
            "-p",
            "berth-agent",
            "-p",
            "berth-runtime",
            "-p",
            "berth-uplink",
        ],
    );
    command.envs(STATIC);
    process::run(checkout, "build-guest", &mut command, note)?;
    let built = |name: &str| checkout.target.join(GUEST_TARGET).join("guest").join(name);
    Ok(guest_image::Programs {
        agent: built("berth-agent"),
        engine: built("berth-engine"),
        runtime: built("berth-runtime"),
        uplink: built("berth-uplink"),
    })
}

/// How the programs for this machine's own kernel are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    /// As the guest's, for figures.
    Shipped,
    /// As the tests, whose build they share.
    Checked,
}

/// Builds the runtime, and the engine and the published ports that serve without a VM: the folder they are in.
pub(crate) fn native(checkout: &Checkout, how: Native, note: &Note) -> Result<PathBuf> {
    let mut command =
        cargo(checkout, &["build", "--locked", "-p", "berth-runtime", "-p", "berth-agent", "-p", "berth-host"]);
    command.args(["-p", "berth-net", "--bin", "berth-runtime", "--example", "native-engine"]);
    command.args(["--example", "native-ports", "--example", "native-gateway"]);
    let folder = match how {
        Native::Checked => checkout.target.join("debug"),
        Native::Shipped => {
            command.args(["--profile", "guest", "--target", GUEST_TARGET]);
            command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static");
            checkout.target.join(GUEST_TARGET).join("guest")
        }
    };
    process::run(checkout, "build-native", &mut command, note)?;
    Ok(folder)
}

fn guest_image(checkout: &Checkout, programs: &guest_image::Programs, note: &Note) -> Result<()> {
    let share = checkout.share();
    let inputs = [
        checkout.root.join("guest-image"),
        programs.agent.clone(),
        programs.engine.clone(),
        programs.runtime.clone(),
        programs.uplink.clone(),
    ];
    let stamp = Stamp::of(checkout, "guest-image", &inputs, "amd64")?;
    let outputs: Vec<PathBuf> =
        ["vmlinux", "initramfs.zst", "manifest.json"].iter().map(|name| share.join(name)).collect();
    if stamp.is_fresh(&outputs) {
        note.set("unchanged");
        return Ok(());
    }
    let recipe =
        guest_image::Recipe { arch: ARCH, cache: checkout.guest_image_cache(), out: share, programs: programs.clone() };
    let manifest = guest_image::build(&recipe, &mut |step| note.set(step.to_string())).map_err(|error| {
        Problem::because(
            format!("{:#}", anyhow::Error::from(error)),
            "the guest is made from Debian packages: check that apt can reach its mirror, then run the command again",
        )
    })?;
    note.set(format!("kernel {}", manifest.kernel));
    stamp.keep()
}

/// Puts `from` at `to` by rename, so that a running program keeps its file.
pub(crate) fn place(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to.parent().context("a program stands in a folder")?)?;
    let new = to.with_extension("new");
    std::fs::copy(from, &new).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(std::fs::rename(&new, to)?)
}
