//! Everything in a directory, in no order and with memory that does not grow with it: strangers chose how wide and how
//! deep it is.

use crate::rooted::Root;
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Stat, fgetxattr, flistxattr, fstat, openat, readlinkat,
        seek, statat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

/// Bytes of names that are read at once. Small: what is left of them is read again after each directory below.
const NAMES: usize = 4 << 10;
/// Longest list of attributes' names, and longest value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const ATTRIBUTES: usize = 64 << 10;

/// One thing in the directory.
pub(super) struct Node<'a> {
    /// Its path from the top; empty for the top itself.
    pub(super) path: &'a [u8],
    pub(super) stat: &'a Stat,
    /// Where a symbolic link leads.
    pub(super) link: &'a [u8],
    /// A regular file, open.
    pub(super) file: Option<&'a mut File>,
    /// Names and values of those attributes that a layer can give.
    pub(super) attributes: &'a [(Vec<u8>, Vec<u8>)],
}

/// Shows `look` everything in the directory `top`, and the directory itself.
pub(super) fn walk(top: &Path, look: &mut dyn FnMut(&mut Node<'_>) -> io::Result<()>) -> io::Result<()> {
    let root = Root::open(top)?;
    let mut walk = Walk { look, scratch: vec![0; ATTRIBUTES] };
    let mut names = Vec::with_capacity(NAMES);
    let mut path = Vec::new();
    // How to go on in the directories above: the length of their path, and the place behind the last name.
    let mut above: Vec<(usize, u64)> = Vec::new();
    let mut place = 0;
    let mut dir = root.dir(b"")?;
    walk.directory(&dir, &fstat(&dir)?, b"")?;
    loop {
        if place > 0 {
            seek(&dir, SeekFrom::Start(place))?;
        }
        let below = walk.names(&dir, &mut names, &mut path)?;
        match (below, above.is_empty()) {
            (Some(mark), _) => {
                above.push(mark);
                place = 0;
            }
            (None, true) => return Ok(()),
            (None, false) => {
                let Some((len, next)) = above.pop() else { return Ok(()) };
                path.truncate(len);
                place = next;
            }
        }
        dir = root.dir(&path)?;
    }
}

struct Walk<'a> {
    look: &'a mut dyn FnMut(&mut Node<'_>) -> io::Result<()>,
    scratch: Vec<u8>,
}

impl Walk<'_> {
    /// Looks at names until one is a directory: then `path` is its, and what is returned tells how to go on behind it.
    fn names(&mut self, dir: &OwnedFd, names: &mut Vec<u8>, path: &mut Vec<u8>) -> io::Result<Option<(usize, u64)>> {
        let mut entries = RawDir::new(dir, names.spare_capacity_mut());
        let len = path.len();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if len > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            if self.node(dir, name, path)? {
                return Ok(Some((len, entry.next_entry_cookie())));
            }
            path.truncate(len);
        }
        Ok(None)
    }

    /// Looks at one name; whether it is a directory.
    fn node(&mut self, dir: &OwnedFd, name: &[u8], path: &[u8]) -> io::Result<bool> {
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                self.directory(&openat(dir, name, flags, Mode::empty())?, &stat, path)?;
                return Ok(true);
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NOATIME | OFlags::CLOEXEC;
                let mut file = File::from(openat(dir, name, flags, Mode::empty())?);
                let attributes = self.attributes(&file)?;
                let file = Some(&mut file);
                (self.look)(&mut Node { path, stat: &stat, link: b"", file, attributes: &attributes })?;
            }
            FileType::Symlink => {
                let link = readlinkat(dir, name, Vec::new())?;
                (self.look)(&mut Node { path, stat: &stat, link: link.to_bytes(), file: None, attributes: &[] })?;
            }
            _ => (self.look)(&mut Node { path, stat: &stat, link: b"", file: None, attributes: &[] })?,
        }
        Ok(false)
    }

    fn directory(&mut self, dir: &OwnedFd, stat: &Stat, path: &[u8]) -> io::Result<()> {
        let attributes = self.attributes(dir)?;
        (self.look)(&mut Node { path, stat, link: b"", file: None, attributes: &attributes })
    }

    fn attributes(&mut self, fd: impl AsFd) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let used = match flistxattr(&fd, &mut self.scratch[..]) {
            Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Ok(used) => used,
            Err(e) => return Err(e.into()),
        };
        let names = self.scratch[..used].to_vec();
        let mut all = Vec::new();
        for name in names.split(|byte| *byte == 0).filter(|name| given(name)) {
            let used = fgetxattr(&fd, name, &mut self.scratch[..])?;
            all.push((name.to_vec(), self.scratch[..used].to_vec()));
        }
        Ok(all)
    }
}

/// Whether unpacking a layer can give a file this attribute; others are the system's.
fn given(name: &[u8]) -> bool {
    let families: [&[u8]; 3] = [b"user.", b"system.posix_acl_", b"trusted.overlay."];
    name == b"security.capability" || families.iter().any(|family| name.starts_with(family))
}
