//! Making one entry in a directory that is held by descriptor. Nothing is acted on by name once it was made: whoever
//! shares the directory may put something else in its place at any moment.

use super::{
    UnpackError,
    entries::{Entries, Entry, EntryKind},
};
use crate::rooted::{link_to, pin_at};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat,
        fchmod, fchown, fsetxattr, fstat, futimens, makedev, mknodat, openat, symlinkat, utimensat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io::{BufRead, Seek as _, SeekFrom, Write as _},
    os::fd::{AsFd, OwnedFd},
};

/// Zeros in a row that become a hole, bytes: a block of the filesystem.
const HOLE: usize = 4096;

/// A new regular file with its data and attributes; its inode and the checksum of its data are returned. Long zeros
/// become holes, so that a sparse file stays one.
pub(super) fn file<R: BufRead>(
    dir: &OwnedFd,
    name: &[u8],
    path: &[u8],
    entry: &Entry,
    entries: &mut Entries<R>,
) -> Result<(u64, u32), UnpackError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(|e| failed(path, e))?;
    let mut file = File::from(file);
    let mut hole = 0_u64;
    let mut sum = crc32fast::Hasher::new();
    entries.copy(|piece| {
        sum.update(piece);
        for block in piece.chunks(HOLE) {
            if block.len() == HOLE && is_zero(block) {
                hole += HOLE as u64;
                continue;
            }
            if hole > 0 {
                file.seek(SeekFrom::Current(hole.cast_signed()))?;
                hole = 0;
            }
            file.write_all(block)?;
        }
        Ok(())
    })?;
    if hole > 0 {
        let end = file.stream_position().map_err(UnpackError::Write)?.saturating_add(hole);
        file.set_len(end).map_err(UnpackError::Write)?;
    }
    attributes(&file, entry).map_err(|e| failed(path, e))?;
    let inode = fstat(&file).map_err(|e| failed(path, e))?.st_ino;
    Ok((inode, sum.finalize()))
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().fold(0, |all, byte| all | byte) == 0
}

/// Links, devices and pipes: they have no descriptor to write to, and no attributes beyond owner, mode and time.
pub(super) fn special(dir: &OwnedFd, name: &[u8], entry: &Entry) -> Result<(), Errno> {
    let node = |kind| {
        let device = makedev(entry.device.0, entry.device.1);
        mknodat(dir, name, kind, Mode::RUSR | Mode::WUSR, device)?;
        Ok(kind)
    };
    let kind = match entry.kind {
        EntryKind::Symlink => symlinkat(&entry.link[..], dir, name).map(|()| FileType::Symlink)?,
        EntryKind::CharDevice => node(FileType::CharacterDevice)?,
        EntryKind::BlockDevice => node(FileType::BlockDevice)?,
        _ => node(FileType::Fifo)?,
    };
    let made = pin_at(dir, name)?;
    if FileType::from_raw_mode(fstat(&made)?.st_mode) != kind {
        // Somebody was quicker; what is there now is theirs.
        return Err(Errno::EXIST);
    }
    let (uid, gid) = owner(entry);
    chownat(&made, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    if kind != FileType::Symlink {
        chmodat(CWD, link_to(&made), Mode::from_raw_mode(entry.mode), AtFlags::empty())?;
    }
    utimensat(&made, c"", &times(entry.mtime), AtFlags::EMPTY_PATH)
}

pub(super) fn open_dir(parent: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(parent, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Owner before mode and capabilities, since the kernel drops set-user-id bits and capabilities with a change of owner;
/// time last.
pub(super) fn attributes(fd: impl AsFd, entry: &Entry) -> Result<(), Errno> {
    let (uid, gid) = owner(entry);
    fchown(&fd, Some(uid), Some(gid))?;
    fchmod(&fd, Mode::from_raw_mode(entry.mode))?;
    for (name, value) in &entry.xattrs {
        // `trusted.overlay.*` in an archive would redirect overlayfs; labels of another system's policy mean nothing.
        let wanted =
            name.starts_with(b"user.") || name == b"security.capability" || name.starts_with(b"system.posix_acl_");
        if !wanted {
            continue;
        }
        match fsetxattr(&fd, &name[..], value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(errno) => return Err(errno),
        }
    }
    futimens(&fd, &times(entry.mtime))
}

pub(super) fn owner(entry: &Entry) -> (Uid, Gid) {
    (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid))
}

pub(super) fn times((tv_sec, nanos): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec, tv_nsec: nanos.into() };
    Timestamps { last_access: time, last_modification: time }
}

pub(super) fn kept(stat: &Stat) -> Timestamps {
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    times((stat.st_mtime, nanos))
}

pub(super) fn shown(path: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(path).chars().take(300).collect();
    text.escape_debug().to_string()
}

pub(super) fn refused(path: &[u8], why: &str) -> UnpackError {
    UnpackError::Entry { path: shown(path), why: why.to_owned() }
}

pub(super) fn failed(path: &[u8], errno: Errno) -> UnpackError {
    UnpackError::System { path: shown(path), source: errno.into() }
}
