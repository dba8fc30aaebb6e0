//! Programs that only the tests need, kept in the cache: the docker CLI and its compose plugin, and tauri-driver for the
//! window.

use crate::build;
use crate::checkout::Checkout;
use crate::fixtures::rootfs::{Dependencies, Rootfs};
use crate::process;
use crate::steps::Note;
use anyhow::{Context, Result};
use std::path::Path;

/// The version of tauri-driver that the window's case was written with.
const TAURI_DRIVER: &str = "2.1.0";

/// Fetches and builds what is missing.
pub(crate) fn install(checkout: &Checkout, note: &Note) -> Result<()> {
    out_of_a_package(checkout, "docker-cli", "usr/bin/docker", note)?;
    out_of_a_package(checkout, "docker-compose", "usr/libexec/docker/cli-plugins/docker-compose", note)?;
    tauri_driver(checkout, note)?;
    note.set("docker docker-compose tauri-driver");
    Ok(())
}

/// A program of Debian's for systems that have none: only `file` itself, taken out of its `package`, not installed.
fn out_of_a_package(checkout: &Checkout, package: &str, file: &str, note: &Note) -> Result<()> {
    let program = checkout.tools().join(Path::new(file).file_name().context("a program has a name")?);
    if program.exists() {
        return Ok(());
    }
    let root = Rootfs::of(checkout, package, &[package], Dependencies::Without, note)?;
    build::place(&root.file(&[file])?, &program)
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
