//! The kernel's own filesystems.

use nix::mount::{MsFlags, mount};
use std::os::unix::fs::symlink;

/// Why a filesystem is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    /// It cannot be mounted.
    #[error("cannot mount {what} at {at}; the kernel does not fit this Berth, install Berth again")]
    Mount { what: &'static str, at: &'static str, source: nix::Error },
    /// The place to mount it at cannot be made.
    #[error("cannot make {at}")]
    Folder { at: &'static str, source: std::io::Error },
    /// They cannot be shared.
    #[error("cannot share the machine's mounts; the kernel does not fit this Berth, install Berth again")]
    Share(#[source] nix::Error),
}

struct Mount {
    kind: &'static str,
    at: &'static str,
    flags: MsFlags,
    options: &'static str,
}

const NONE: MsFlags = MsFlags::empty();
const NO_SUID: MsFlags = MsFlags::MS_NOSUID;
const PLAIN: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);
const STRICT: MsFlags = PLAIN.union(MsFlags::MS_NOEXEC);

const fn entry(kind: &'static str, at: &'static str, flags: MsFlags, options: &'static str) -> Mount {
    Mount { kind, at, flags, options }
}

/// In this order. `/run` is exec and dev: a container's root is assembled below it.
const MOUNTS: [Mount; 9] = [
    entry("proc", "/proc", STRICT, ""),
    entry("sysfs", "/sys", STRICT, ""),
    entry("devtmpfs", "/dev", NO_SUID, "mode=0755"),
    entry("devpts", "/dev/pts", NO_SUID.union(MsFlags::MS_NOEXEC), "newinstance,ptmxmode=0666,mode=0620,gid=5"),
    entry("tmpfs", "/dev/shm", PLAIN, "mode=1777"),
    entry("mqueue", "/dev/mqueue", STRICT, ""),
    entry("cgroup2", "/sys/fs/cgroup", STRICT, "nsdelegate,memory_recursiveprot"),
    entry("tmpfs", "/run", NONE, "mode=0755"),
    entry("tmpfs", "/tmp", PLAIN, "mode=1777"),
];
/// What programs expect in `/dev` besides what the kernel puts there.
const DEVICE_LINKS: [(&str, &str); 4] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];
/// The engine's folder on the tmpfs.
const RUN: &str = "/run/berth";

/// Mounts all of them, and has what is mounted from then on shared with containers that ask for it, as systemd does: a
/// mount below a shared one is shared too.
pub(crate) fn all() -> Result<(), MountError> {
    for Mount { kind, at, flags, options } in MOUNTS {
        std::fs::create_dir_all(at).map_err(|source| MountError::Folder { at, source })?;
        mount(Some(kind), at, Some(kind), flags, Some(options)).map_err(|source| MountError::Mount {
            what: kind,
            at,
            source,
        })?;
    }
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SHARED, None::<&str>)
        .map_err(MountError::Share)?;
    for (target, at) in DEVICE_LINKS {
        symlink(target, at).map_err(|source| MountError::Folder { at, source })?;
    }
    std::fs::create_dir_all(RUN).map_err(|source| MountError::Folder { at: RUN, source })
}
