//! A directory becomes a tar archive: for copies out of a container, exports, and the layer of a commit.
//!
//! The container may run and change everything meanwhile. So every name is pinned (`O_PATH`) before it is looked at,
//! and what is read is what was pinned: no link is followed, and no device or pipe is ever opened.

mod header;

use crate::{
    ids::Ids,
    rooted::{pin_at, reopen},
};
use header::EntryHeader;
pub(crate) use header::{end, pad};
use rustix::{
    fs::{
        AtFlags, Dir, FileType, Mode, OFlags, Stat, StatxFlags, fgetxattr, flistxattr, fstat, openat, readlinkat, statx,
    },
    io::Errno,
};
use std::{
    collections::{BTreeSet, HashMap},
    ffi::{CStr, CString},
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
};

/// An extended attribute's name and value.
pub(crate) type Xattr = (Vec<u8>, Vec<u8>);

/// Deeper trees are refused: a descriptor is held for each level.
const DEEPEST: usize = 500;
/// Read at once, bytes.
const PIECE: usize = 256 << 10;
/// In front of the name that a whiteout hides (image specification, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The whiteout that hides everything below its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The mode of a whiteout in a layer.
const MARK_MODE: u32 = 0o100_600;

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something could not be read.
    #[error("{path}: {source}")]
    Read {
        /// Where in the archive it would be.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The archive could not be written: whoever reads it is gone, or the disk is full.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The tree is deeper than any that is meant.
    #[error("{0}: directories are nested more than {DEEPEST} deep")]
    TooDeep(String),
    /// A name that would mean something else in a layer.
    #[error("{0}: an image layer cannot hold a file whose name begins with .wh.")]
    Name(String),
}

/// How a tree is written.
#[derive(Default)]
pub struct Packing<'a> {
    /// The name of the top directory, in front of all others; `None` leaves the top out and begins with what is in it.
    pub top: Option<&'a [u8]>,
    /// Mounts (statx's `stx_mnt_id`) below the top whose files are left out: only their directory is written.
    pub shut: BTreeSet<u64>,
    /// Shuts every mount.
    pub one_mount: bool,
    /// The tree is an overlay's upper directory: what it hides becomes the whiteouts of a layer.
    pub layer: bool,
    /// Paths from the top that are left out when nothing is below them.
    pub stubs: BTreeSet<Vec<u8>>,
    /// Who the users of the archive are in the tree.
    pub ids: Ids,
}

/// Writes the tree of the directory `top`, in order of names; how many entries were written. Blocks.
///
/// # Errors
/// What could not be read or written; a file that goes meanwhile is none.
pub fn pack(top: &OwnedFd, how: &Packing<'_>, out: &mut impl Write) -> Result<u64, PackError> {
    let mut pack = Pack { out, how, links: HashMap::new(), piece: vec![0; PIECE], entries: 0 };
    let dir = openat(top, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let dir = dir.map_err(|e| unreadable(b".", e))?;
    let mount = mount_of(&dir).map_err(|e| unreadable(b".", e))?;
    let prefix = how.top.unwrap_or_default().to_vec();
    if how.top.is_some() {
        let stat = fstat(&dir).map_err(|e| unreadable(&prefix, e))?;
        pack.directory(&dir, &stat, &prefix)?;
    }
    pack.below(&dir, &prefix, b"", mount, 0)?;
    end(pack.out)?;
    Ok(pack.entries)
}

/// Writes what was pinned, if it is no directory, under this name. Blocks.
///
/// # Errors
/// As [`pack`].
pub fn pack_one(pinned: OwnedFd, name: &CStr, how: &Packing<'_>, out: &mut impl Write) -> Result<(), PackError> {
    let mut pack = Pack { out, how, links: HashMap::new(), piece: vec![0; PIECE], entries: 0 };
    let entry = name.to_bytes().to_vec();
    pack.node(pinned, name, entry.clone(), entry, 0, DEEPEST)?;
    end(pack.out)?;
    Ok(())
}

/// The mount that a directory or pinned file is on (statx's `stx_mnt_id`).
///
/// # Errors
/// Those of statx(2).
pub fn mount_of(fd: impl AsFd) -> rustix::io::Result<u64> {
    Ok(statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

struct Pack<'a, W> {
    out: &'a mut W,
    how: &'a Packing<'a>,
    /// Where a file with several names was first written.
    links: HashMap<(u64, u64), Vec<u8>>,
    piece: Vec<u8>,
    entries: u64,
}

impl<W: Write> Pack<'_, W> {
    /// Everything in `dir`. `prefix` is its name in the archive, `path` its way from the top.
    fn below(&mut self, dir: &OwnedFd, prefix: &[u8], path: &[u8], mount: u64, depth: usize) -> Result<(), PackError> {
        if depth >= DEEPEST {
            return Err(PackError::TooDeep(shown(prefix)));
        }
        for name in names(dir).map_err(|e| unreadable(prefix, e))? {
            let pinned = match pin_at(dir, name.as_c_str()) {
                Ok(pinned) => pinned,
                // It went while the directory was read.
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(unreadable(&join(prefix, name.to_bytes()), e)),
            };
            let (entry, inner) = (join(prefix, name.to_bytes()), join(path, name.to_bytes()));
            self.node(pinned, &name, entry, inner, mount, depth)?;
        }
        Ok(())
    }

    fn node(
        &mut self,
        pinned: OwnedFd,
        name: &CStr,
        entry: Vec<u8>,
        path: Vec<u8>,
        mount: u64,
        depth: usize,
    ) -> Result<(), PackError> {
        let fail = |e: Errno| unreadable(&entry, e);
        let stat = fstat(&pinned).map_err(fail)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if self.how.layer && name.to_bytes().starts_with(WHITEOUT) {
            return Err(PackError::Name(shown(&entry)));
        }
        if kind != FileType::Directory && self.how.stubs.contains(&path) && stat.st_size == 0 {
            return Ok(());
        }
        match kind {
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let dir = openat(&pinned, c".", flags, Mode::empty()).map_err(fail)?;
                drop(pinned);
                if self.how.stubs.contains(&path) && self.is_stub(&dir, &path).map_err(fail)? {
                    return Ok(());
                }
                self.directory(&dir, &stat, &entry)?;
                let own = mount_of(&dir).map_err(fail)?;
                if own != mount && (self.how.one_mount || self.how.shut.contains(&own)) {
                    return Ok(());
                }
                self.below(&dir, &entry, &path, own, depth + 1)
            }
            FileType::RegularFile if self.how.one_mount && mount_of(&pinned).map_err(fail)? != mount => {
                self.header(&entry, tar::EntryType::Regular, b"", 0, &stat, &[])
            }
            FileType::RegularFile => self.file(&pinned, &stat, &entry),
            FileType::Symlink => {
                let target = readlinkat(&pinned, c"", Vec::new()).map_err(fail)?;
                self.header(&entry, tar::EntryType::Symlink, target.to_bytes(), 0, &stat, &[])
            }
            FileType::CharacterDevice if self.how.layer && stat.st_rdev == 0 => {
                let (above, _) = crate::rooted::split(&entry).unwrap_or_default();
                let hidden = join(above, &[WHITEOUT, name.to_bytes()].concat());
                let mut mark = stat;
                mark.st_mode = MARK_MODE;
                self.header(&hidden, tar::EntryType::Regular, b"", 0, &mark, &[])
            }
            FileType::CharacterDevice => self.header(&entry, tar::EntryType::Char, b"", 0, &stat, &[]),
            FileType::BlockDevice => self.header(&entry, tar::EntryType::Block, b"", 0, &stat, &[]),
            FileType::Fifo => self.header(&entry, tar::EntryType::Fifo, b"", 0, &stat, &[]),
            // An archive has no word for a socket.
            FileType::Socket | FileType::Unknown => Ok(()),
        }
    }

    /// Whether all that is in a stub are stubs.
    fn is_stub(&self, dir: &OwnedFd, path: &[u8]) -> Result<bool, Errno> {
        for name in names(dir)? {
            let inner = join(path, name.to_bytes());
            let stat = fstat(pin_at(dir, name.as_c_str())?)?;
            let stub = self.how.stubs.contains(&inner)
                && match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => {
                        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                        self.is_stub(&openat(dir, name.as_c_str(), flags, Mode::empty())?, &inner)?
                    }
                    FileType::RegularFile => stat.st_size == 0,
                    _ => false,
                };
            if !stub {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn directory(&mut self, dir: &OwnedFd, stat: &Stat, entry: &[u8]) -> Result<(), PackError> {
        let name = if entry.ends_with(b"/") { entry.to_vec() } else { [entry, b"/"].concat() };
        let attributes = xattrs(dir).map_err(|e| unreadable(entry, e))?;
        self.header(&name, tar::EntryType::Directory, b"", 0, stat, &attributes)?;
        if self.how.layer && is_opaque(dir) {
            let mut mark = *stat;
            mark.st_mode = MARK_MODE;
            self.header(&join(entry, OPAQUE), tar::EntryType::Regular, b"", 0, &mark, &[])?;
        }
        Ok(())
    }

    fn file(&mut self, pinned: &OwnedFd, stat: &Stat, entry: &[u8]) -> Result<(), PackError> {
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)).cloned() {
                return self.header(entry, tar::EntryType::Link, &first, 0, stat, &[]);
            }
            self.links.insert((stat.st_dev, stat.st_ino), entry.to_vec());
        }
        let mut file = reopen(pinned).map_err(|e| unreadable(entry, e))?;
        let attributes = xattrs(&file).map_err(|e| unreadable(entry, e))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.header(entry, tar::EntryType::Regular, b"", size, stat, &attributes)?;
        let mut left = size;
        while left > 0 {
            let want = self.piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let got = match file.read(&mut self.piece[..want]) {
                // It was cut meanwhile; the archive says how long it is, and zeros make up for it, as in GNU tar.
                Ok(0) => {
                    self.piece[..want].fill(0);
                    want
                }
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PackError::Read { path: shown(entry), source }),
            };
            self.out.write_all(&self.piece[..got])?;
            left -= got as u64;
        }
        pad(self.out, size)?;
        Ok(())
    }

    fn header(
        &mut self,
        path: &[u8],
        kind: tar::EntryType,
        link: &[u8],
        size: u64,
        stat: &Stat,
        xattrs: &[Xattr],
    ) -> Result<(), PackError> {
        self.entries += 1;
        let ids = self.how.ids;
        let (mut stat, mut xattrs) = (*stat, xattrs.to_vec());
        (stat.st_uid, stat.st_gid) = (ids.inside(stat.st_uid), ids.inside(stat.st_gid));
        xattrs.iter_mut().for_each(|attribute| ids.attribute_inside(attribute));
        Ok(EntryHeader { path, kind, link, size, stat: &stat, xattrs: &xattrs }.write(self.out)?)
    }
}

/// Whether overlayfs hides what the layers below have in this directory.
pub(crate) fn is_opaque(dir: &OwnedFd) -> bool {
    let mut value = [0; 2];
    matches!(fgetxattr(dir, c"trusted.overlay.opaque", &mut value[..]), Ok(1)) && value[0] == b'y'
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Extended attributes that mean something elsewhere too; the overlay's own stay behind.
pub(crate) fn xattrs(fd: impl AsFd) -> Result<Vec<Xattr>, Errno> {
    let mut list = vec![0; 64 << 10];
    let used = match flistxattr(&fd, &mut list[..]) {
        Ok(used) => used,
        Err(Errno::NOTSUP) => return Ok(vec![]),
        Err(e) => return Err(e),
    };
    let mut all = Vec::new();
    for name in list[..used].split(|byte| *byte == 0) {
        if !(name.starts_with(b"user.") || name == b"security.capability" || name.starts_with(b"system.posix_acl_")) {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        match fgetxattr(&fd, name, &mut value[..]) {
            Ok(used) => all.push((name.to_vec(), value[..used].to_vec())),
            // It went meanwhile.
            Err(Errno::NODATA) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

fn join(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    if prefix.is_empty() || prefix.ends_with(b"/") { [prefix, name].concat() } else { [prefix, b"/", name].concat() }
}

fn unreadable(path: &[u8], errno: Errno) -> PackError {
    PackError::Read { path: shown(path), source: errno.into() }
}

fn shown(path: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(path).chars().take(300).collect();
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests;
