//! A container's files as it sees them: those of a running one through its own mount namespace, those of another
//! through one that is made for looking.

use super::thread::on_a_thread;
use crate::container::MountSpec;
use berth_image::{Ids, Root, Snapshot, mount_of};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
};
use rustix::{
    fs::{CWD, Mode, OFlags, fstat, openat},
    mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
};
use std::{
    collections::BTreeSet,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};
use tokio::sync::OwnedMutexGuard;

/// Where the kernel's own filesystems are mounted in a running container.
const KERNELS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A container's files.
pub(crate) struct View {
    pub(crate) root: Root,
    /// The root's mount (statx's `stx_mnt_id`).
    pub(crate) mount: u64,
    /// Who the container's users are in these files.
    pub(crate) ids: Ids,
    /// Mounts whose files do not go along when a directory above them is copied.
    pub(crate) shut: BTreeSet<u64>,
    /// Keeps the mounts of a container that does not run.
    _namespace: Option<OwnedFd>,
    /// Keeps it from being started or removed meanwhile.
    operation: Option<OwnedMutexGuard<()>>,
}

/// What the files of a container that does not run are put together from.
pub(crate) struct Parts {
    pub(crate) snapshot: Snapshot,
    /// Its volumes, with a parent before what is below it.
    pub(crate) volumes: Vec<MountSpec>,
    pub(crate) read_only: bool,
    /// A directory to mount on, in the namespace that is made.
    pub(crate) place: PathBuf,
}

impl View {
    /// What the process `pid` sees, whose users are `ids`. `rootfs` is where this process has the container's files:
    /// another process that got the number meanwhile has others. Blocks.
    pub(crate) fn running(pid: i32, rootfs: &Path, ids: Ids) -> io::Result<Self> {
        let expected = Root::open(rootfs)?;
        let namespace = std::fs::File::open(format!("/proc/{pid}/ns/mnt"))?;
        let root = on_a_thread(move || {
            // A thread that shares its root and working directory with others cannot change them.
            unshare(CloneFlags::CLONE_FS)?;
            setns(&namespace, CloneFlags::CLONE_NEWNS)?;
            Ok(openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
        })?;
        let (own, other) = (fstat(&expected)?, fstat(&root)?);
        if (own.st_dev, own.st_ino) != (other.st_dev, other.st_ino) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Self::of(root, ids, None, None)
    }

    /// What a container that does not run would see, but for its tmpfs. Blocks.
    pub(crate) fn stopped(parts: Parts, operation: OwnedMutexGuard<()>) -> io::Result<Self> {
        let (root, namespace) = on_a_thread(move || {
            unshare(CloneFlags::CLONE_NEWNS)?;
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
            let root = parts.put_together()?;
            let namespace = std::fs::File::open("/proc/thread-self/ns/mnt")?;
            Ok((root, OwnedFd::from(namespace)))
        })?;
        Self::of(root, Ids::Same, Some(namespace), Some(operation))
    }

    /// Whether it is one that was made for looking, while which the container is neither started nor removed.
    pub(crate) fn keeps_it_from_starting(&self) -> bool {
        self.operation.is_some()
    }

    fn of(
        root: OwnedFd,
        ids: Ids,
        namespace: Option<OwnedFd>,
        operation: Option<OwnedMutexGuard<()>>,
    ) -> io::Result<Self> {
        let mount = mount_of(&root)?;
        let root = Root::new(root);
        let kernels = KERNELS.iter().filter_map(|path| mount_of(root.pin(path).ok()?).ok());
        let shut = kernels.filter(|own| *own != mount).collect();
        Ok(Self { root, mount, ids, shut, _namespace: namespace, operation })
    }
}

impl Parts {
    fn put_together(self) -> io::Result<OwnedFd> {
        let Self { snapshot, volumes, read_only, place } = self;
        // A crash of this process in the middle leaves nothing: the namespace goes with its last thread.
        snapshot.mount(&place).map_err(io::Error::other)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || openat(CWD, &place, flags, Mode::empty());
        let root = Root::new(open()?);
        for volume in &volumes {
            let (source, target) = (&volume.point.source, &volume.point.destination);
            if !read_only {
                root.make_dirs(target, 0, 0)?;
            }
            let Ok(target_dir) = root.pin(target) else { continue };
            let tree = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            let tree = open_tree(CWD, source, tree)?;
            let by_descriptors = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            move_mount(&tree, c"", &target_dir, c"", by_descriptors)?;
            if !volume.point.rw {
                seal(&tree)?;
            }
        }
        let root = open()?;
        if read_only {
            seal(&root)?;
        }
        Ok(root)
    }
}

/// Makes a mount read-only, named by a descriptor of its root.
fn seal(root: &OwnedFd) -> io::Result<()> {
    let path = format!("/proc/self/fd/{}", root.as_raw_fd());
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    Ok(mount(None::<&str>, path.as_str(), None::<&str>, flags, None::<&str>)?)
}
