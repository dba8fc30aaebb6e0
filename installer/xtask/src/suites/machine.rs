//! The suite `machine`: the VM port's contract and its streams on real machines, with a guest of their own.

use super::{Count, cargo_test};
use crate::build::{self, GUEST_TARGET};
use crate::checkout::Checkout;
use crate::process;
use crate::steps::Note;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Builds the guest and runs the tests of the QEMU adapter that boot it.
pub(super) fn run(checkout: &Checkout, only: Option<&str>, note: &Note) -> Result<Count> {
    let initramfs = guest(checkout, note)?;
    let arguments = ["-p", "berth-machine-qemu", "--features", "vm-tests", "--tests"];
    let variables = [("BERTH_TEST_KERNEL", checkout.share().join("vmlinux")), ("BERTH_TEST_INITRAMFS", initramfs)];
    cargo_test(checkout, "machine", &arguments, &variables, only, note)
}

/// The initramfs of the guest that `berth_machine::contract` speaks to.
fn guest(checkout: &Checkout, note: &Note) -> Result<PathBuf> {
    let init =
        program(checkout, &["-p", "berth-machine-qemu", "--example", "test-guest"], "examples/test-guest", note)?;
    let out = checkout.target.join("test-guest.cpio");
    bare(checkout, &init, &[], &out, note)?;
    Ok(out)
}

/// What `tests/bench/into_vm` puts into containers and boots: a program, and a guest of it that has a network card.
pub(super) fn load(checkout: &Checkout, note: &Note) -> Result<()> {
    let load = program(checkout, &["-p", "berth-load"], "berth-load", note)?;
    build::place(&load, &checkout.tools().join("berth-load"))?;
    bare(checkout, &load, &["virtio_net"], &checkout.tools().join("load-guest.cpio"), note)
}

/// Builds a static program: where it stands.
fn program(checkout: &Checkout, which: &[&str], name: &str, note: &Note) -> Result<PathBuf> {
    let arguments = ["build", "--profile", "guest", "--locked", "--target", GUEST_TARGET];
    let mut command = build::cargo(checkout, &arguments);
    command.args(which).envs(build::STATIC);
    process::run(checkout, "build-test-guest", &mut command, note)?;
    Ok(checkout.target.join(GUEST_TARGET).join("guest").join(name))
}

fn bare(checkout: &Checkout, init: &Path, more: &[&str], out: &Path, note: &Note) -> Result<()> {
    let cache = checkout.guest_image_cache();
    guest_image::bare(build::ARCH, &cache, init, more, out, &mut |step| note.set(step.to_string()))
        .context("a guest to test with could not be made")
}
