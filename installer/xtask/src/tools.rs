//! Programs that only the tests need, kept in the cache: the docker CLI, and tauri-driver for the window.

use crate::build;
use crate::checkout::Checkout;
use crate::fixtures::rootfs::{Dependencies, Rootfs};
use crate::process;
use crate::steps::Note;
use anyhow::Result;

/// The version of tauri-driver that the window's case was written with.
const TAURI_DRIVER: &str = "2.1.0";

/// Fetches and builds what is missing.
pub(crate) fn install(checkout: &Checkout, note: &Note) -> Result<()> {
    docker_cli(checkout, note)?;
    tauri_driver(checkout, note)?;
    note.set("docker tauri-driver");
    Ok(())
}

/// The docker CLI of Debian, for systems that have none: only the client, taken out of its package, not installed.
fn docker_cli(checkout: &Checkout, note: &Note) -> Result<()> {
    let program = checkout.tools().join("docker");
    if program.exists() {
        return Ok(());
    }
    let root = Rootfs::of(checkout, "docker-cli", &["docker-cli"], Dependencies::Without, note)?;
    build::place(&root.file(&["usr/bin/docker"])?, &program)
}

/// Tauri's WebDriver front, which opens the window through WebKit's own driver.
fn tauri_driver(checkout: &Checkout, note: &Note) -> Result<()> {
    let program = checkout.tools().join("tauri-driver");
    if program.exists() {
        return Ok(());
    }
    let root = checkout.target.join("tauri-driver");
    let mut install = build::cargo(checkout, &["install", "--locked", "--debug", "tauri-driver"]);
    install.args(["--version", TAURI_DRIVER, "--root"]).arg(&root).arg("--target-dir").arg(root.join("target"));
    process::run(checkout, "tauri-driver", &mut install, note)?;
    build::place(&root.join("bin/tauri-driver"), &program)
}
