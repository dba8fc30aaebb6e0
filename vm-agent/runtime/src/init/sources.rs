//! What is bound into a container, opened by the creating process: in a user namespace of its own, the init could
//! neither walk to all of it nor map its ids.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use nix::{errno::Errno, fcntl::AT_FDCWD, sched::CloneFlags};
use oci_spec::runtime::Mount;

use super::{id_map::IdMaps, namespaces::Namespaces, options::Options, sysctl::HostProc};
use crate::{
    bundle::Bundle,
    failure::{Context, Failure},
    kernel::mount::{Attributes, Reach, clone_tree, map_ids, set_attributes},
};

/// Where the host has its cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The root file system and the mounts of a bundle.
pub(crate) struct Sources {
    /// A private copy of the mount at the root file system.
    pub(super) root: OwnedFd,
    /// For each mount of the bundle.
    pub(super) mounts: Vec<Source>,
}

/// What a mount is made of.
pub(super) struct Source {
    pub(super) options: Options,
    /// A detached copy of what is bound.
    pub(super) tree: Option<OwnedFd>,
}

impl Sources {
    /// Opens them, with ids mapped where the bundle asks for it.
    ///
    /// # Errors
    /// The first that cannot be opened or mapped, named by its destination.
    pub(crate) fn open(bundle: &Bundle, namespaces: &Namespaces, proc: &HostProc) -> Result<Self, Failure> {
        let mut mapper = Mapper { bundle, namespaces, proc, made: Vec::new() };
        let mut mounts = Vec::new();
        for mount in bundle.spec.mounts().iter().flatten() {
            let source = open(mount, &bundle.directory, &mut mapper);
            mounts.push(source.context(format_args!("mount {}", mount.destination().display()))?);
        }
        Ok(Self { root: open_root(&bundle.rootfs)?, mounts })
    }

    /// Whether a mount of the container may be one of the host's too.
    pub(super) fn are_shared(&self, namespaces: &Namespaces) -> bool {
        let any = self.mounts.iter().any(|source| source.tree.is_some() && source.options.is_shared());
        any && !namespaces.separates(CloneFlags::CLONE_NEWUSER)
    }
}

fn open_root(rootfs: &Path) -> Result<OwnedFd, Failure> {
    let tree = match clone_tree(AT_FDCWD, rootfs, Reach::Tree) {
        Err(Errno::ENOENT) => {
            let rootfs = rootfs.display();
            return Err(Failure::other(format!("root file system {rootfs} does not exist")));
        }
        result => result.context(format_args!("open root file system {}", rootfs.display()))?,
    };
    set_attributes(&tree, Attributes::propagating(libc::MS_PRIVATE), Reach::Tree).context("make the root private")?;
    Ok(tree)
}

fn open(mount: &Mount, bundle: &Path, mapper: &mut Mapper<'_>) -> Result<Source, Failure> {
    let mut options = Options::parse(mount.options().as_deref().unwrap_or_default())?;
    let mut source = mount.source().as_deref();
    match mount.typ().as_deref() {
        Some("bind") if options.bind.is_none() => options.bind = Some(Reach::Mount),
        // A user namespace may mount cgroups only as a cgroup namespace of its own shows them: the host's are bound, as
        // runc does.
        Some("cgroup" | "cgroup2") if mapper.namespaces.has_the_hosts_cgroups() => {
            (options.bind, source) = (Some(Reach::Tree), Some(Path::new(CGROUPS)));
        }
        _ => {}
    }
    let maps = IdMaps::of(mount.uid_mappings(), mount.gid_mappings())?;
    let mapped = options.id_mapped.or(maps.as_ref().map(|_| Reach::Mount));
    let Some(reach) = options.bind else {
        return match mapped {
            Some(_) => Err(Failure::other("only a bind mount can be id-mapped")),
            None => Ok(Source { options, tree: None }),
        };
    };
    let source = bundle.join(source.ok_or_else(|| Failure::other("a bind mount needs a source"))?);
    let tree = match clone_tree(AT_FDCWD, &source, reach) {
        Err(Errno::ENOENT) => {
            let source = source.display();
            return Err(Failure::other(format!("bind source path does not exist: {source}")));
        }
        result => result.context(format_args!("open {}", source.display()))?,
    };
    if !options.is_shared() || mapper.namespaces.separates(CloneFlags::CLONE_NEWUSER) {
        // What the container mounts there stays in it; so does what the root of a user namespace mounts, as with runc.
        let slave = Attributes::propagating(libc::MS_SLAVE);
        set_attributes(&tree, slave, Reach::Tree).context("detach from the host's mounts")?;
    }
    if let Some(reach) = mapped {
        mapper.map(&tree, maps, reach).context("map the ids")?;
    }
    Ok(Source { options, tree: Some(tree) })
}

/// Maps ids of mounts, with one user namespace for all that have the same maps.
struct Mapper<'a> {
    bundle: &'a Bundle,
    namespaces: &'a Namespaces,
    proc: &'a HostProc,
    made: Vec<(IdMaps, OwnedFd)>,
}

impl Mapper<'_> {
    fn map(&mut self, tree: &OwnedFd, maps: Option<IdMaps>, reach: Reach) -> Result<(), Failure> {
        let maps = match (maps, self.namespaces.joined(CloneFlags::CLONE_NEWUSER)) {
            (Some(maps), _) => maps,
            (None, Some(users)) => return map_to(tree, users, reach),
            (None, None) => {
                let missing = || Failure::other("there are no mappings; give uidMappings and gidMappings");
                self.bundle.id_maps()?.ok_or_else(missing)?
            }
        };
        if let Some((_, users)) = self.made.iter().find(|(made, _)| *made == maps) {
            return map_to(tree, users, reach);
        }
        let users = maps.namespace(self.proc)?;
        map_to(tree, &users, reach)?;
        self.made.push((maps, users));
        Ok(())
    }
}

/// Has the detached mount `tree` show ids as the user namespace `users` maps them.
///
/// # Errors
/// A file system that cannot do so.
pub(crate) fn map_to(tree: &OwnedFd, users: impl AsFd, reach: Reach) -> Result<(), Failure> {
    match map_ids(tree, users, reach) {
        Err(Errno::EINVAL) => Err(Failure::other("its file system does not support id-mapped mounts")),
        result => result.context("mount_setattr"),
    }
}
