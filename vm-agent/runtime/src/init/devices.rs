//! Device files under `/dev` and the links docker's images expect there.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, open},
    sys::{
        stat::{Mode, SFlag, fstat, makedev, mknodat},
        statfs::{DEVPTS_SUPER_MAGIC, fstatfs},
    },
    unistd::{Gid, Uid, fchownat, symlinkat},
};
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, Mount};

use super::{
    options::{NOEXEC, NOSUID, Options},
    rooted::{RootDir, cleaned},
};
use crate::{
    failure::{Context, Failure},
    kernel::mount::{Attributes, Reach, clone_tree, set_attributes},
};

/// The devices every container has (OCI runtime specification, "Default Devices"): path, major, minor.
const DEFAULT: [(&str, u64, u64); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// The links every container has (OCI runtime specification, "Dev symbolic links"), and `/dev/core` as docker has it.
const LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/kcore", "/dev/core"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// How device files come to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// `mknod`.
    Made,
    /// Bind-mounted from the host: a user namespace may not make them.
    Bound,
}

/// Populates `/dev`, unless the bundle brings one of its own by a bind mount.
///
/// # Errors
/// A device that cannot be made, named by its path.
pub(super) fn populate(
    root: &RootDir,
    mounts: &[Mount],
    devices: &[LinuxDevice],
    origin: Origin,
) -> Result<(), Failure> {
    if brings_its_own(mounts)? {
        return Ok(());
    }
    // Modes are to be as asked for; the process gets its own mask later.
    nix::sys::stat::umask(Mode::empty());
    for (path, major, minor) in DEFAULT {
        let node = Node { path: path.into(), kind: SFlag::S_IFCHR, major, minor, mode: 0o666, owner: (0, 0) };
        node.create(root, origin).context(format_args!("create {path}"))?;
    }
    for device in devices {
        let node = Node::from_spec(device)?;
        node.create(root, origin).context(format_args!("create {}", device.path().display()))?;
    }
    for (target, link) in LINKS {
        create_link(root, target, Path::new(link)).context(format_args!("link {link}"))?;
    }
    Ok(())
}

fn brings_its_own(mounts: &[Mount]) -> Result<bool, Failure> {
    for mount in mounts.iter().filter(|mount| cleaned(mount.destination()) == Path::new("/dev")) {
        let options = Options::parse(mount.options().as_deref().unwrap_or_default())?;
        if options.bind.is_some() || mount.typ().as_deref() == Some("bind") {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Node {
    path: PathBuf,
    kind: SFlag,
    major: u64,
    minor: u64,
    mode: u32,
    owner: (u32, u32),
}

impl Node {
    fn from_spec(device: &LinuxDevice) -> Result<Self, Failure> {
        let kind = match device.typ() {
            LinuxDeviceType::C | LinuxDeviceType::U => SFlag::S_IFCHR,
            LinuxDeviceType::B => SFlag::S_IFBLK,
            LinuxDeviceType::P => SFlag::S_IFIFO,
            LinuxDeviceType::A => {
                return Err(Failure::other("a device to create must have one of the types c, u, b, p"));
            }
        };
        let number = |number: i64| u64::try_from(number).context("device number");
        Ok(Self {
            path: cleaned(device.path()),
            kind,
            major: number(device.major())?,
            minor: number(device.minor())?,
            mode: device.file_mode().unwrap_or(0o666) & 0o777,
            owner: (device.uid().unwrap_or(0), device.gid().unwrap_or(0)),
        })
    }

    fn create(&self, root: &RootDir, origin: Origin) -> Result<(), Failure> {
        match origin {
            Origin::Made => self.make(root),
            Origin::Bound => self.bind(root),
        }
    }

    fn make(&self, root: &RootDir) -> Result<(), Failure> {
        let (parent, name) = place(root, &self.path)?;
        let number = makedev(self.major, self.minor);
        match mknodat(&parent, name, self.kind, Mode::from_bits_truncate(self.mode), number) {
            Ok(()) => {}
            // What is there already serves when it is the same device.
            Err(Errno::EEXIST) if self.is(&open_node(&parent, name)?)? => return Ok(()),
            Err(errno) => return Err(errno).context("mknod"),
        }
        if self.owner != (0, 0) {
            let (uid, gid) = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
            fchownat(&parent, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW).context("chown")?;
        }
        Ok(())
    }

    fn bind(&self, root: &RootDir) -> Result<(), Failure> {
        let source = clone_tree(AT_FDCWD, &self.path, Reach::Mount).context("open the host's device")?;
        if !self.is(&source)? {
            return Err(Failure::other("the host's file is another device"));
        }
        let own = Attributes { propagation: libc::MS_PRIVATE, ..Attributes::setting(NOSUID | NOEXEC) };
        set_attributes(&source, own, Reach::Mount).context("set attributes")?;
        root.attach(&source, root.make_file(&self.path).context("prepare the destination")?)
    }

    fn is(&self, file: &OwnedFd) -> Result<bool, Failure> {
        let status = fstat(file).context("inspect")?;
        let kind = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT;
        Ok(kind == self.kind && (kind == SFlag::S_IFIFO || status.st_rdev == makedev(self.major, self.minor)))
    }
}

fn open_node(parent: &OwnedFd, name: &std::ffi::OsStr) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    nix::fcntl::openat(parent, name, flags, Mode::empty()).context("open what is there")
}

/// The parent directory of `path`, created where missing, and the last component.
fn place<'a>(root: &RootDir, path: &'a Path) -> Result<(OwnedFd, &'a std::ffi::OsStr), Failure> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::other("not a path of a file"));
    };
    Ok((root.make_directory(parent).context("prepare the parent directory")?, name))
}

fn create_link(root: &RootDir, target: &str, link: &Path) -> Result<(), Failure> {
    let (parent, name) = place(root, link)?;
    match symlinkat(target, &parent, name) {
        // An image may have its own idea of these.
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno).context("symlink"),
    }
}

/// The host's `/dev/null`, verified to be that device.
///
/// # Errors
/// When it is not.
pub(crate) fn open_null() -> Result<OwnedFd, Failure> {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty());
    let null = null.context("open /dev/null")?;
    if !is_null(&null)? {
        return Err(Failure::other("/dev/null is not the null device; recreate it with: mknod -m 666 /dev/null c 1 3"));
    }
    Ok(null)
}

/// Whether `file` is the null device.
pub(super) fn is_null(file: impl AsFd) -> Result<bool, Failure> {
    let status = fstat(file).context("inspect")?;
    let kind = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT;
    Ok(kind == SFlag::S_IFCHR && status.st_rdev == makedev(1, 3))
}

/// Whether `file` lies on a devpts file system.
pub(super) fn is_on_devpts(file: impl AsFd) -> Result<bool, Failure> {
    Ok(fstatfs(file).context("inspect")?.filesystem_type() == DEVPTS_SUPER_MAGIC)
}
