//! The mounts of a bundle. Each is made detached, with its final attributes, and attached to a descriptor of its target.

use std::{
    ffi::CString,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::stat::{SFlag, fstat},
};
use oci_spec::runtime::Mount;

use super::{
    options::Options,
    rooted::{RootDir, cleaned},
    sources::Source,
};
use crate::{
    failure::{Context, Failure},
    kernel::mount::{Attributes, FsContext, Reach, set_attributes},
};

/// Makes the mounts of a bundle below `root` from their `sources`, in order.
///
/// # Errors
/// The first mount that fails, named by its destination.
pub(super) fn mount_all(root: &RootDir, mounts: &[Mount], sources: &[Source]) -> Result<(), Failure> {
    for (mount, source) in mounts.iter().zip(sources) {
        mount_one(root, mount, source).context(format_args!("mount {}", mount.destination().display()))?;
    }
    Ok(())
}

fn mount_one(root: &RootDir, mount: &Mount, source: &Source) -> Result<(), Failure> {
    let options = &source.options;
    let destination = cleaned(mount.destination());
    if destination == Path::new("/") {
        return Err(Failure::other("the root itself cannot be a destination"));
    }
    let made;
    let mounted = match &source.tree {
        Some(tree) => {
            bind(root, tree, &destination, options)?;
            tree
        }
        None => {
            made = file_system(root, mount, &destination, options)?;
            &made
        }
    };
    set_attributes(mounted, options.recursive, Reach::Tree).context("set attributes")?;
    for (flag, reach) in &options.propagation {
        set_attributes(mounted, Attributes::propagating(*flag), *reach).context("set propagation")?;
    }
    Ok(())
}

fn bind(root: &RootDir, tree: &OwnedFd, destination: &Path, options: &Options) -> Result<(), Failure> {
    set_attributes(tree, options.attributes, Reach::Mount).context("set attributes")?;
    let is_directory = file_type(tree)? == SFlag::S_IFDIR;
    let target = if is_directory { root.make_directory(destination) } else { root.make_file(destination) };
    root.attach(tree, target.context("prepare the destination")?)
}

fn file_system(root: &RootDir, mount: &Mount, destination: &Path, options: &Options) -> Result<OwnedFd, Failure> {
    let kind = mount.typ().as_deref().unwrap_or_default();
    let existed = root.open(destination, OFlag::O_PATH | OFlag::O_DIRECTORY).ok();
    let target = match kind {
        "proc" | "sysfs" => ordinary_directory(root, destination, kind)?,
        _ => root.make_directory(destination).context("prepare the destination")?,
    };
    let context = match kind {
        "cgroup" | "cgroup2" => FsContext::open(c"cgroup2"),
        "" => return Err(Failure::other("no file system type given")),
        kind => FsContext::open(&CString::new(kind).context("type")?),
    };
    let context = context.context(format_args!("open file system type {kind}"))?;
    configure(&context, mount, kind, options, existed.as_ref())?;
    let mounted = context.mount(options.attributes.set).context(format_args!("create {kind}"))?;
    root.attach(&mounted, target)?;
    Ok(mounted)
}

/// Were procfs or sysfs mounted behind a link, the paths masked and protected below would be others than those mounted.
fn ordinary_directory(root: &RootDir, destination: &Path, kind: &str) -> Result<OwnedFd, Failure> {
    let made = root.make_directory(destination);
    match made.and_then(|_| root.open_without_links(destination, OFlag::O_PATH | OFlag::O_DIRECTORY)) {
        Err(Errno::ELOOP | Errno::ENOTDIR) => {
            Err(Failure::other(format!("{kind} must be mounted on an ordinary directory")))
        }
        result => result.context("prepare the destination"),
    }
}

fn configure(
    context: &FsContext,
    mount: &Mount,
    kind: &str,
    options: &Options,
    existed: Option<&OwnedFd>,
) -> Result<(), Failure> {
    let source: PathBuf = mount.source().clone().unwrap_or_else(|| PathBuf::from(kind));
    let source = CString::new(source.into_os_string().into_encoded_bytes()).context("source")?;
    context.set(c"source", &source).context("source")?;
    if matches!(kind, "cgroup" | "cgroup2") {
        // Options of cgroup2 belong to the whole system, not to one container's view of it.
        return Ok(());
    }
    for (key, value) in &options.data {
        let result = match value {
            Some(value) => context.set(key, value),
            None => context.set_flag(key),
        };
        result.context(format_args!("option {}", key.to_string_lossy()))?;
    }
    if let (Some(below), "tmpfs", false) = (existed, kind, options.has("mode")) {
        // A tmpfs over an image's directory keeps that directory's permissions, as runc does.
        let mode = fstat(below).context("inspect the destination")?.st_mode & 0o7777;
        let mode = CString::new(format!("{mode:o}")).context("mode")?;
        context.set(c"mode", &mode).context("option mode")?;
    }
    Ok(())
}

/// The file type of what `file` refers to.
pub(super) fn file_type(file: impl AsFd) -> Result<SFlag, Failure> {
    let mode = fstat(file).context("inspect")?.st_mode;
    Ok(SFlag::from_bits_truncate(mode) & SFlag::S_IFMT)
}
