//! What an engine needs of a container's users before there is a container: a user namespace with a network namespace
//! that it owns, and files whose ids are mapped as in it.

use std::{
    fs::{self, File},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, open},
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::CloneFlags,
    sys::stat::Mode,
};

use crate::{
    failure::{Context, Failure},
    init::{HostProc, IdMaps, in_new_namespaces, map_to},
    kernel::mount::{Attributes, Reach, attach, clone_tree, set_attributes},
};

/// Makes a user namespace with `maps` and a network namespace that it owns, and names them by the files `users` and
/// `network`, which keep them. When it fails, neither is left.
///
/// # Errors
/// Maps that the kernel refuses; a name that is taken.
pub(crate) fn pin(maps: &IdMaps, users: &Path, network: &Path) -> Result<(), Failure> {
    let names = [("user", users), ("net", network)];
    let mut named = Vec::new();
    let pinned = in_new_namespaces(maps, CloneFlags::CLONE_NEWNET, &HostProc::open()?, |pid| {
        for (kind, name) in names {
            File::create_new(name).context(format_args!("create {}", name.display()))?;
            named.push(name);
            let namespace = format!("/proc/{pid}/ns/{kind}");
            mount(Some(namespace.as_str()), name, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                .context(format_args!("name the namespace {}", name.display()))?;
        }
        Ok(())
    });
    if pinned.is_err() {
        for name in named {
            // The first error is the one to tell.
            umount2(name, MntFlags::MNT_DETACH).ok();
            fs::remove_file(name).ok();
        }
    }
    pinned
}

/// Mounts `source` on the directory `target`, with ids mapped as in the user namespace that the file `users` names.
///
/// # Errors
/// A file system that cannot do so; what is not there.
pub(crate) fn bind_mapped(users: &Path, source: &Path, target: &Path) -> Result<(), Failure> {
    let users = File::open(users).context(format_args!("open the user namespace {}", users.display()))?;
    let tree = clone_tree(AT_FDCWD, source, Reach::Mount).context(format_args!("open {}", source.display()))?;
    set_attributes(&tree, Attributes::propagating(libc::MS_PRIVATE), Reach::Mount).context("make it private")?;
    map_to(&tree, &users, Reach::Mount).context(format_args!("map the ids of {}", source.display()))?;
    let place = match open(target, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) {
        Err(Errno::ENOENT) => {
            return Err(Failure::other(format!("{} does not exist; make it first", target.display())));
        }
        place => place.context(format_args!("open {}", target.display()))?,
    };
    attach(&tree, place).context(format_args!("mount on {}", target.display()))
}
