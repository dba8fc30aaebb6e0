//! The suite `machine`: the VM port's contract and its streams on real machines, with a guest of their own.

use super::{Count, cargo_test};
use crate::build::{self, GUEST_TARGET};
use crate::checkout::Checkout;
use crate::process;
use crate::steps::Note;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Builds the guest and runs the tests of the QEMU adapter that boot it.
pub(super) fn run(checkout: &Checkout, only: Option<&str>, note: &Note) -> Result<Count> {
    let initramfs = guest(checkout, note)?;
    let arguments = ["-p", "berth-machine-qemu", "--features", "vm-tests", "--tests"];
    let variables = [("BERTH_TEST_KERNEL", checkout.share().join("vmlinux")), ("BERTH_TEST_INITRAMFS", initramfs)];
    cargo_test(checkout, "machine", &arguments, &variables, only, note)
}

/// The initramfs of the guest that `berth_machine::contract` speaks to.
fn guest(checkout: &Checkout, note: &Note) -> Result<PathBuf> {
    let arguments = ["build", "--profile", "guest", "--locked", "--target", GUEST_TARGET];
    let mut command = build::cargo(checkout, &arguments);
    command.args(["-p", "berth-machine-qemu", "--example", "test-guest"]);
    command.envs(build::STATIC);
    process::run(checkout, "build-test-guest", &mut command, note)?;
    let init = checkout.target.join(GUEST_TARGET).join("guest/examples/test-guest");
    let out = checkout.target.join("test-guest.cpio");
    guest_image::bare(build::ARCH, &checkout.guest_image_cache(), &init, &out, &mut |step| note.set(step.to_string()))
        .context("the guest of the machine's tests could not be made")?;
    Ok(out)
}
