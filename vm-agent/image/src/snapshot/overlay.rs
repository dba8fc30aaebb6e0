//! Overlay mounts through the new mount API: layers go in one by one, so their number is not bound by the one page
//! of options that mount(2) takes, and no path needs escaping.

use super::Snapshot;
use crate::{Result, error::IoContext as _};
use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create, fsconfig_set_string,
        fsmount, fsopen, move_mount,
    },
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

pub(super) fn mount(snapshot: &Snapshot, target: &Path) -> Result<()> {
    let mount = detached(snapshot).at("mount overlay on", target)?;
    move_mount(mount.as_fd(), "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).at("mount overlay on", target)
}

pub(super) fn unmount(target: &Path) -> Result<()> {
    match rustix::mount::unmount(target, UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno).at("unmount", target),
    }
}

/// What a container's snapshot shows, in no mount namespace: it goes with the last descriptor.
pub(super) fn detached(snapshot: &Snapshot) -> std::io::Result<OwnedFd> {
    let changes = [("upperdir", snapshot.upper.as_path()), ("workdir", &snapshot.work)];
    build(&snapshot.lower, &changes)
}

/// What the layers show, without the writable directory.
pub(super) fn layers(snapshot: &Snapshot) -> std::io::Result<OwnedFd> {
    match snapshot.lower.as_slice() {
        // Overlayfs wants two at least when nothing is above.
        [only] => Ok(rustix::fs::openat(CWD, only, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?),
        lower => build(lower, &[]),
    }
}

fn build(lower: &[PathBuf], changes: &[(&str, &Path)]) -> std::io::Result<OwnedFd> {
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let set = |key: &str, value: &Path| {
        let set = fsconfig_set_string(fs.as_fd(), key, value);
        set.map_err(|errno| with_log(fs.as_fd(), errno, &format!("{key}={}: ", value.display())))
    };
    // Shown as the source in mountinfo, where tools look for docker's word.
    set("source", Path::new("overlay"))?;
    for lower in lower {
        set("lowerdir+", lower)?;
    }
    for (key, path) in changes {
        set(key, path)?;
    }
    // The upper directory must hold whole files in their own places, since layers are made of it.
    set("metacopy", Path::new("off"))?;
    set("redirect_dir", Path::new("off"))?;
    // Inode indexes tie an upper directory to one mount for ever; a container mounts its own again and again.
    set("index", Path::new("off"))?;
    fsconfig_create(fs.as_fd()).map_err(|errno| with_log(fs.as_fd(), errno, ""))?;
    Ok(fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}

/// The kernel explains a refused option in the context's log, one message per read.
fn with_log(fs: BorrowedFd<'_>, errno: Errno, about: &str) -> std::io::Error {
    let mut text = format!("{about}{}", std::io::Error::from(errno));
    let mut line = [0; 1024];
    let nonblocking = rustix::fs::fcntl_setfl(fs, OFlags::NONBLOCK).is_ok();
    while let (true, Ok(read @ 1..)) = (nonblocking, rustix::io::read(fs, &mut line)) {
        text.push_str("; ");
        text.push_str(String::from_utf8_lossy(&line[..read]).trim());
    }
    std::io::Error::new(std::io::Error::from(errno).kind(), text)
}
