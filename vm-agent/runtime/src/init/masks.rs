//! Paths of the kernel's file systems that a container may not see, or not write.

use std::{os::fd::OwnedFd, path::Path};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{
        stat::SFlag,
        statfs::{TMPFS_MAGIC, fstatfs},
    },
};

use super::{
    devices::is_null,
    mounts::file_type,
    options::INERT,
    rooted::{RootDir, cleaned},
};
use crate::{
    failure::{Context, Failure},
    kernel::mount::{Attributes, FsContext, READ_ONLY, Reach, clone_tree, set_attributes},
};

/// Hides `paths`: a file behind `null` (the host's null device), a directory behind an empty read-only one.
/// Paths that do not exist are passed over.
///
/// # Errors
/// A path that leads through a link below `/proc` or `/sys`, and a mask that is not in place afterwards.
pub(super) fn mask(root: &RootDir, paths: &[String], null: &OwnedFd) -> Result<(), Failure> {
    // The first directory's mask and the first file's serve all others.
    let (mut directory, mut file) = (None, None);
    for path in paths {
        mask_one(root, path, null, &mut directory, &mut file).context(format_args!("mask {path}"))?;
    }
    Ok(())
}

fn mask_one(
    root: &RootDir,
    path: &str,
    null: &OwnedFd,
    directory: &mut Option<OwnedFd>,
    file: &mut Option<OwnedFd>,
) -> Result<(), Failure> {
    let Some(target) = locate(root, path)? else { return Ok(()) };
    let is_directory = file_type(&target)? == SFlag::S_IFDIR;
    let first = if is_directory { directory } else { file };
    let mask = match first {
        Some(first) => clone_tree(&*first, Path::new(""), Reach::Mount).context("copy a mask")?,
        None if is_directory => empty_directory().context("create an empty directory")?,
        None => null_of_its_own(null).context("copy the null device")?,
    };
    root.attach(&mask, target)?;
    first.get_or_insert(mask);
    verify(root, path)
}

/// The null device with nothing of the host's mounts.
fn null_of_its_own(null: &OwnedFd) -> nix::Result<OwnedFd> {
    let copy = clone_tree(null, Path::new(""), Reach::Mount)?;
    set_attributes(&copy, Attributes::propagating(libc::MS_PRIVATE), Reach::Mount)?;
    Ok(copy)
}

fn empty_directory() -> nix::Result<OwnedFd> {
    let context = FsContext::open(c"tmpfs")?;
    context.set(c"source", c"tmpfs")?;
    context.set(c"nr_blocks", c"1")?;
    context.set(c"nr_inodes", c"1")?;
    context.set(c"mode", c"755")?;
    context.mount(INERT)
}

/// What the path shows now must be the mask: a path that was exchanged in between is an attack.
fn verify(root: &RootDir, path: &str) -> Result<(), Failure> {
    let shown = open(root, path).context("look again")?;
    let masked = match file_type(&shown)? {
        SFlag::S_IFDIR => fstatfs(&shown).context("inspect")?.filesystem_type() == TMPFS_MAGIC,
        _ => is_null(&shown)?,
    };
    if masked { Ok(()) } else { Err(Failure::other("the path was exchanged while it was being masked")) }
}

/// Makes `paths` read-only, with everything mounted below them. Paths that do not exist are passed over.
///
/// # Errors
/// A path that leads through a link below `/proc` or `/sys`.
pub(super) fn protect(root: &RootDir, paths: &[String]) -> Result<(), Failure> {
    for path in paths {
        protect_one(root, path).context(format_args!("protect {path}"))?;
    }
    Ok(())
}

fn protect_one(root: &RootDir, path: &str) -> Result<(), Failure> {
    let Some(target) = locate(root, path)? else { return Ok(()) };
    let tree = clone_tree(&target, Path::new(""), Reach::Tree).context("copy")?;
    set_attributes(&tree, Attributes::setting(READ_ONLY), Reach::Tree).context("set read-only")?;
    root.attach(tree, target)
}

/// The place of `path`, or `None` when there is nothing.
fn locate(root: &RootDir, path: &str) -> Result<Option<OwnedFd>, Failure> {
    match open(root, path) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        result => result.context("open").map(Some),
    }
}

/// Below `/proc` and `/sys` no link is followed: the mask would land elsewhere and leave the real file in sight.
fn open(root: &RootDir, path: &str) -> nix::Result<OwnedFd> {
    let clean = cleaned(Path::new(path));
    let is_kernels = clean.starts_with("/proc") || clean.starts_with("/sys");
    if is_kernels { root.open_without_links(&clean, OFlag::O_PATH) } else { root.open(&clean, OFlag::O_PATH) }
}
