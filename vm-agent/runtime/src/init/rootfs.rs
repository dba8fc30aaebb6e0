//! The way from the host's mount tree into the container's.

use std::{os::fd::OwnedFd, path::Path};

use nix::{
    fcntl::{OFlag, open},
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::Mode,
    unistd::{fchdir, pivot_root},
};

use super::{options::propagation, rooted::RootDir};
use crate::{
    failure::{Context, Failure},
    kernel::mount::{Attributes, READ_ONLY, Reach, attach, set_attributes},
};

/// Attaches `tree`, a copy of the mount at `rootfs`, there in this mount namespace, and returns it as the root to build
/// in. Nothing mounted from here on reaches the host.
///
/// # Errors
/// A root file system that is no directory.
pub(super) fn enter(rootfs: &Path, tree: OwnedFd) -> Result<RootDir, Failure> {
    let everything = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, everything, None::<&str>).context("detach the mounts from the host's")?;
    let place = open(rootfs, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    attach(&tree, place.context("open root file system")?).context("attach the root file system")?;
    Ok(RootDir::new(tree))
}

/// Makes `root` the root of this process and lets go of the host's tree.
///
/// # Errors
/// `EINVAL` when the host's root cannot be pivoted (an initramfs: its init has to prepare it).
pub(super) fn pivot(root: &RootDir) -> Result<(), Failure> {
    fchdir(root).context("change to the root file system")?;
    // The old root is stacked on the new one and taken off from there: no directory for it is needed (pivot_root(2)).
    pivot_root(".", ".").context("pivot_root")?;
    umount2(".", MntFlags::MNT_DETACH).context("detach the host's mounts")?;
    nix::unistd::chdir("/").context("change to the new root")
}

/// Makes the root mount read-only; what is mounted below stays as it is.
///
/// # Errors
/// Those of mount_setattr(2).
pub(super) fn make_read_only(root: &RootDir) -> Result<(), Failure> {
    set_attributes(root, Attributes::setting(READ_ONLY), Reach::Mount).context("make the root read-only")
}

/// Gives the root the propagation type a bundle asks for in `linux.rootfsPropagation`.
///
/// # Errors
/// An unknown type.
pub(super) fn propagate(root: &RootDir, kind: &str) -> Result<(), Failure> {
    let (flag, reach) =
        propagation(kind).ok_or_else(|| Failure::other(format!("unknown root file system propagation {kind}")))?;
    set_attributes(root, Attributes::propagating(flag), reach).context("propagation of the root")
}
