//! The mount calls that work on descriptors (Linux 5.2 to 5.12): nothing is resolved by path a second time.
#![expect(unsafe_code, reason = "these calls have no wrapper in libc or nix")]

use std::{
    ffi::CStr,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::Path,
    ptr,
};

use libc::{c_int, c_uint};
use nix::{NixPath, errno::Errno};

// linux/mount.h
const FSOPEN_CLOEXEC: c_uint = 1;
const FSMOUNT_CLOEXEC: c_uint = 1;
const FSCONFIG_SET_FLAG: c_uint = 0;
const FSCONFIG_SET_STRING: c_uint = 1;
const FSCONFIG_CMD_CREATE: c_uint = 6;
const OPEN_TREE_CLONE: c_uint = 1;
const OPEN_TREE_CLOEXEC: c_uint = libc::O_CLOEXEC as c_uint;
const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: c_uint = 0x40;
const AT_EMPTY_PATH: c_uint = libc::AT_EMPTY_PATH as c_uint;
const AT_RECURSIVE: c_uint = 0x8000;

const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;

/// `MOUNT_ATTR_RDONLY`.
pub(crate) const READ_ONLY: u64 = 1;

/// Whether a call reaches the mount alone or everything below it too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// The mount alone.
    Mount,
    /// The mount and all mounts below it (`AT_RECURSIVE`).
    Tree,
}

/// A change of mount attributes, `struct mount_attr` of mount_setattr(2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub(crate) struct Attributes {
    /// `MOUNT_ATTR_*` to set.
    pub(crate) set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub(crate) clear: u64,
    /// `MS_SHARED`, `MS_PRIVATE`, `MS_SLAVE` or `MS_UNBINDABLE`, or 0 to leave it.
    pub(crate) propagation: u64,
    /// The user namespace of an id-mapped mount: see [`map_ids`].
    pub(crate) userns_fd: u64,
}

impl Attributes {
    /// Sets the `MOUNT_ATTR_*` of `set`.
    pub(crate) fn setting(set: u64) -> Self {
        Self { set, ..Self::default() }
    }

    /// Sets the propagation type alone.
    pub(crate) fn propagating(propagation: u64) -> Self {
        Self { propagation, ..Self::default() }
    }
}

/// A file system being configured.
pub(crate) struct FsContext(OwnedFd);

impl FsContext {
    /// Begins a new instance of file system type `kind`.
    pub(crate) fn open(kind: &CStr) -> nix::Result<Self> {
        // SAFETY: `kind` is a nul-terminated string that outlives the call.
        owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) }).map(Self)
    }

    /// Sets `key=value`.
    pub(crate) fn set(&self, key: &CStr, value: &CStr) -> nix::Result<()> {
        self.configure(FSCONFIG_SET_STRING, Some(key), Some(value))
    }

    /// Sets the option `key`, which has no value.
    pub(crate) fn set_flag(&self, key: &CStr) -> nix::Result<()> {
        self.configure(FSCONFIG_SET_FLAG, Some(key), None)
    }

    /// Creates the file system and a detached mount of it with `attributes` (`MOUNT_ATTR_*`).
    pub(crate) fn mount(self, attributes: u64) -> nix::Result<OwnedFd> {
        self.configure(FSCONFIG_CMD_CREATE, None, None)?;
        // SAFETY: the call takes integers only; the descriptor is open for as long as `self`.
        owned(unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), FSMOUNT_CLOEXEC, attributes as c_uint) })
    }

    fn configure(&self, command: c_uint, key: Option<&CStr>, value: Option<&CStr>) -> nix::Result<()> {
        let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: `key` and `value` are null or nul-terminated strings that outlive the call, as the commands used ask.
        let result = unsafe {
            libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, pointer(key), pointer(value), 0 as c_int)
        };
        Errno::result(result).map(drop)
    }
}

/// A detached copy of the mount at `path`, seen from `directory`; an empty path means `directory` itself.
pub(crate) fn clone_tree(directory: impl AsFd, path: &Path, reach: Reach) -> nix::Result<OwnedFd> {
    let empty = if path.as_os_str().is_empty() { AT_EMPTY_PATH } else { 0 };
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | empty | recursive(reach);
    let result = path.with_nix_path(|path| {
        // SAFETY: `path` is a nul-terminated string that outlives the call; the rest are integers.
        unsafe { libc::syscall(libc::SYS_open_tree, directory.as_fd().as_raw_fd(), path.as_ptr(), flags) }
    })?;
    owned(result)
}

/// Changes the attributes of the mount that `mount` is the root of.
pub(crate) fn set_attributes(mount: impl AsFd, attributes: Attributes, reach: Reach) -> nix::Result<()> {
    // SAFETY: `attributes` has the kernel's layout and its size is passed along; the path is an empty string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            AT_EMPTY_PATH | recursive(reach),
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Has the detached mount `mount` show ids as user namespace `users` maps them.
pub(crate) fn map_ids(mount: impl AsFd, users: impl AsFd, reach: Reach) -> nix::Result<()> {
    let users = u64::from(users.as_fd().as_raw_fd().unsigned_abs());
    set_attributes(mount, Attributes { userns_fd: users, ..Attributes::setting(MOUNT_ATTR_IDMAP) }, reach)
}

/// Attaches the detached mount `mount` on top of what `target` refers to.
pub(crate) fn attach(mount: impl AsFd, target: impl AsFd) -> nix::Result<()> {
    // SAFETY: both paths are empty strings; the rest are integers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            target.as_fd().as_raw_fd(),
            c"".as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
        )
    };
    Errno::result(result).map(drop)
}

fn recursive(reach: Reach) -> c_uint {
    match reach {
        Reach::Mount => 0,
        Reach::Tree => AT_RECURSIVE,
    }
}

fn owned(result: libc::c_long) -> nix::Result<OwnedFd> {
    let raw = c_int::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just returned this descriptor to us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}
