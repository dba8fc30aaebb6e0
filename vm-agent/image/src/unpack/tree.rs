//! Making entries: every one by the descriptor of its parent and its last component.

use super::{
    UnpackError, Unpacked,
    entries::{Entries, Entry, EntryKind},
    make::{self, attributes, failed, kept, open_dir, refused, shown},
};
use crate::{
    erase::erase_at,
    rooted::{self, Root},
};
use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, Stat, Timestamps, Uid, XattrFlags, fchmod, fchown, fsetxattr, fstat, futimens,
        linkat, mkdirat, mknodat, statat, unlinkat,
    },
    io::Errno,
};
use std::{
    collections::BTreeSet,
    io::BufRead,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// In front of the name that a whiteout hides (image specification, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The whiteout that hides everything below its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// In front of aufs' own bookkeeping, which old layers still hold.
const AUFS: &[u8] = b".wh..wh.";
/// More undescribed directories than any real layer has; the rest keep root's plain attributes.
const IMPLICIT_MAX: usize = 10_000;

/// A layer's directory while it is filled.
pub(super) struct Tree {
    root: Root,
    /// The directory of the last entry: archives come directory by directory.
    parent: Option<Parent>,
    out: Unpacked,
}

struct Parent {
    path: Vec<u8>,
    dir: OwnedFd,
    /// Its time as the archive has it, put back when all its entries are made.
    times: Timestamps,
}

impl Tree {
    pub(super) fn open(root: &Path) -> Result<Self, UnpackError> {
        let root = Root::open(root).map_err(UnpackError::Write)?;
        Ok(Self { root, parent: None, out: Unpacked::default() })
    }

    pub(super) fn finish(mut self) -> Result<Unpacked, UnpackError> {
        self.leave(b"")?;
        Ok(self.out)
    }

    /// Makes one entry.
    pub(super) fn add<R: BufRead>(&mut self, entry: &Entry, entries: &mut Entries<R>) -> Result<(), UnpackError> {
        let path = rooted::clean(&entry.path)
            .ok_or_else(|| refused(&entry.path, "the path leads out of the layer or is none"))?;
        let Some((above, name)) = rooted::split(&path) else {
            return if entry.kind == EntryKind::Directory {
                self.describe_root(entry)
            } else {
                Err(refused(&entry.path, "only a directory can be the layer's root"))
            };
        };
        if name.starts_with(WHITEOUT) {
            return self.whiteout(&path, above, name);
        }
        if entry.kind == EntryKind::Directory {
            return self.directory(&path, above, name, entry);
        }
        self.enter(above, &path)?;
        if self.existing(&path, name)?.is_some() {
            erase_at(self.dir(), name).map_err(|e| failed(&path, e))?;
        }
        match entry.kind {
            EntryKind::File => self.file(&path, name, entry, entries),
            EntryKind::HardLink => self.hard_link(&path, name, entry),
            _ => make::special(self.dir(), name, entry).map_err(|e| failed(&path, e)),
        }
    }

    fn dir(&self) -> &OwnedFd {
        &self.parent.as_ref().expect("every entry enters its parent first").dir
    }

    fn existing(&self, path: &[u8], name: &[u8]) -> Result<Option<Stat>, UnpackError> {
        match statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(path, errno)),
        }
    }

    fn directory(&mut self, path: &[u8], above: &[u8], name: &[u8], entry: &Entry) -> Result<(), UnpackError> {
        self.enter(above, path)?;
        let fail = |errno| failed(path, errno);
        let old = self.existing(path, name)?;
        let stays = old.as_ref().is_some_and(|old| FileType::from_raw_mode(old.st_mode) == FileType::Directory);
        if !stays {
            erase_at(self.dir(), name).map_err(fail)?;
            mkdirat(self.dir(), name, Mode::RWXU).map_err(fail)?;
        }
        let dir = open_dir(self.dir(), name).map_err(fail)?;
        if old.as_ref().is_some_and(is_whiteout) {
            // It was hidden and comes anew: what the layers below have in it stays hidden.
            set_opaque(&dir).map_err(fail)?;
        }
        self.out.implicit.remove(path);
        attributes(&dir, entry).map_err(fail)
    }

    fn describe_root(&mut self, entry: &Entry) -> Result<(), UnpackError> {
        // Its own time must not be overwritten by what was kept for it.
        self.leave(b"")?;
        self.out.describes_root = true;
        let dir = self.root.dir(b"").map_err(|e| failed(b"/", e))?;
        attributes(&dir, entry).map_err(|e| failed(b"/", e))
    }

    fn whiteout(&mut self, path: &[u8], above: &[u8], name: &[u8]) -> Result<(), UnpackError> {
        self.enter(above, path)?;
        let fail = |errno| failed(path, errno);
        if name == OPAQUE {
            return set_opaque(self.dir()).map_err(fail);
        }
        if name.starts_with(AUFS) {
            return Ok(());
        }
        let hidden = &name[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(refused(path, "a whiteout without a name"));
        }
        match self.existing(path, hidden)? {
            None => mknodat(self.dir(), hidden, FileType::CharacterDevice, Mode::empty(), 0).map_err(fail),
            // A whiteout hides the layers below, never its own; a directory of its own starts empty then.
            Some(own) if FileType::from_raw_mode(own.st_mode) == FileType::Directory => {
                let dir = open_dir(self.dir(), hidden).map_err(fail)?;
                set_opaque(&dir).map_err(fail)
            }
            Some(_) => Ok(()),
        }
    }

    fn file<R: BufRead>(
        &mut self,
        path: &[u8],
        name: &[u8],
        entry: &Entry,
        entries: &mut Entries<R>,
    ) -> Result<(), UnpackError> {
        let (inode, sum) = make::file(self.dir(), name, path, entry, entries)?;
        self.out.sums.keep(inode, sum);
        self.out.size = self.out.size.saturating_add(entry.size);
        Ok(())
    }

    fn hard_link(&mut self, path: &[u8], name: &[u8], entry: &Entry) -> Result<(), UnpackError> {
        let target = rooted::clean(&entry.link).filter(|target| !target.is_empty() && target != path);
        let target = target.ok_or_else(|| refused(path, "its link leads out of the layer or to itself"))?;
        let (above, target_name) = rooted::split(&target).unwrap_or_default();
        let fail = |errno| match errno {
            Errno::NOENT => refused(path, &format!("it links to {}, which is not in this layer", shown(&target))),
            _ => failed(path, errno),
        };
        let target_dir = self.root.dir(above).map_err(fail)?;
        linkat(&target_dir, target_name, self.dir(), name, AtFlags::empty()).map_err(fail)
    }

    /// Makes `above` the current parent, creating what is missing of it.
    fn enter(&mut self, above: &[u8], path: &[u8]) -> Result<(), UnpackError> {
        if self.parent.as_ref().is_some_and(|parent| parent.path == above) {
            return Ok(());
        }
        self.leave(path)?;
        let dir = self.reach(above).map_err(|e| failed(path, e))?;
        let stat = fstat(&dir).map_err(|e| failed(path, e))?;
        self.parent = Some(Parent { path: above.to_vec(), dir, times: kept(&stat) });
        Ok(())
    }

    /// Puts the current parent's time back.
    fn leave(&mut self, path: &[u8]) -> Result<(), UnpackError> {
        self.parent.take().map_or(Ok(()), |old| futimens(&old.dir, &old.times)).map_err(|e| failed(path, e))
    }

    /// Opens the directory `path`, creating what is missing of it. Names that a stranger chose may be thousands of levels
    /// deep: nothing here recurses, and one descriptor is held at a time.
    fn reach(&mut self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let mut known = path;
        let mut dir = loop {
            match (self.root.dir(known), rooted::split(known)) {
                (Err(Errno::NOENT | Errno::NOTDIR), Some((above, _))) => known = above,
                (answer, _) => break answer?,
            }
        };
        let mut made = known.len();
        while made < path.len() {
            let rest = &path[made..];
            let start = made + usize::from(rest[0] == b'/');
            let end = path[start..].iter().position(|&b| b == b'/').map_or(path.len(), |len| start + len);
            dir = self.make_implicit(&dir, &path[start..end], &path[..end])?;
            made = end;
        }
        Ok(dir)
    }

    /// Makes a directory that the archive uses and has not described yet.
    fn make_implicit(&mut self, parent: &OwnedFd, name: &[u8], path: &[u8]) -> Result<OwnedFd, Errno> {
        let before = fstat(parent)?;
        let hidden = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => false,
            Ok(stat) if is_whiteout(&stat) => {
                unlinkat(parent, name, AtFlags::empty())?;
                true
            }
            // A dangling link or a file in the place of a directory.
            Ok(_) => return Err(Errno::NOTDIR),
            Err(errno) => return Err(errno),
        };
        mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
        let dir = open_dir(parent, name)?;
        // mkdirat's mode went through the umask.
        fchmod(&dir, Mode::from_raw_mode(0o755))?;
        if hidden {
            set_opaque(&dir)?;
        } else if self.out.implicit.len() < IMPLICIT_MAX {
            self.out.implicit.insert(path.to_vec());
        }
        futimens(parent, &kept(&before))?;
        Ok(dir)
    }
}

/// Gives the undescribed directories of the layer at `root` the attributes of the uppermost layer in `below` that
/// describes them; `below` is uppermost first.
pub(crate) fn inherit(root: &Path, implicit: &BTreeSet<Vec<u8>>, below: &[PathBuf]) -> std::io::Result<()> {
    let root = Root::open(root)?;
    let below = below.iter().map(|path| Root::open(path)).collect::<Result<Vec<_>, _>>()?;
    for path in implicit {
        let dir = root.dir(path)?;
        let source = below.iter().find_map(|lower| lower.dir(path).ok());
        let Some(source) = source else { continue };
        let stat = fstat(&source)?;
        fchown(&dir, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
        fchmod(&dir, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
        futimens(&dir, &kept(&stat))?;
    }
    Ok(())
}

fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn set_opaque(dir: &OwnedFd) -> Result<(), Errno> {
    fsetxattr(dir, c"trusted.overlay.opaque", b"y", XattrFlags::empty())
}
