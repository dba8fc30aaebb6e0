//! An archive goes into a directory of a container, as docker's copy does it (moby `pkg/archive`, `Unpack`): what is
//! there is merged or replaced, names are not special, and the container may run and change everything meanwhile.

use super::{
    UnpackError, compression,
    entries::{Entries, Entry, EntryKind},
    make::{self, attributes, failed, open_dir, refused, shown, times},
};
use crate::{
    erase::erase_at,
    ids::Ids,
    rooted::{self, Root},
};
use rustix::{
    fs::{AtFlags, FileType, Mode, chownat, fstatfs, futimens, linkat, mkdirat, statat},
    io::Errno,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    os::fd::OwnedFd,
};

/// Directories whose time is put right at the end; the rest of a larger archive keep the time of the copy.
const TIMES_MAX: usize = 100_000;
/// Filesystems that are the kernel's own view and hold no files (`linux/magic.h`): proc, sysfs, cgroup v1 and v2,
/// debugfs, tracefs, securityfs, bpf.
const KERNELS: [u64; 8] =
    [0x9fa0, 0x6265_6572, 0x0027_e0eb, 0x6367_7270, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0xcafe_4a11];

/// How an archive is extracted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extraction {
    /// The directory that gets it, a path from the root.
    pub into: Vec<u8>,
    /// Refuses a directory in the place of something else, and the other way round.
    pub keep_kinds: bool,
    /// Owner of everything, instead of the archive's.
    pub owner: Option<(u32, u32)>,
    /// Who the users of the archive are in the directory.
    pub ids: Ids,
}

/// Why an archive could not be extracted. What was made before stays, as in docker.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ExtractError(#[from] UnpackError);

impl ExtractError {
    /// Whether the filesystem is full, read-only or broken, rather than the archive bad.
    #[must_use]
    pub fn is_local(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let (UnpackError::Write(source) | UnpackError::System { source, .. }) = &self.0 else { return false };
        matches!(source.kind(), StorageFull | QuotaExceeded)
    }
}

/// Whether what is in this directory is the kernel's own view and no file: proc, sysfs and the like.
///
/// # Errors
/// Those of fstatfs(2).
pub fn is_kernels(dir: &OwnedFd) -> std::io::Result<bool> {
    let kind = fstatfs(dir)?.f_type;
    Ok(u64::try_from(kind).is_ok_and(|kind| KERNELS.contains(&(kind & 0xffff_ffff))))
}

/// Extracts a tar archive, plain or compressed with gzip or zstd, below `root`. Blocks.
///
/// # Errors
/// The archive's, the stream's, or the filesystem's.
pub fn extract(root: &Root, archive: impl BufRead, how: &Extraction) -> Result<(), ExtractError> {
    let plain = compression::plain(archive).map_err(UnpackError::Read)?;
    let mut entries = Entries::new(BufReader::with_capacity(256 << 10, plain));
    let mut place = Place { root, how, parent: None, times: BTreeMap::new() };
    while let Some(mut entry) = entries.next()? {
        if let Some((uid, gid)) = how.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        for id in [&mut entry.uid, &mut entry.gid] {
            *id = how.ids.outside(*id).ok_or_else(|| stranger(&entry.path, *id))?;
        }
        // A list that names others could only be kept by giving their rights to somebody else.
        entry.xattrs.retain_mut(|attribute| how.ids.attribute_outside(attribute));
        place.add(&entry, &mut entries)?;
    }
    place.finish();
    // The padding behind the end mark is the sender's to send.
    let mut rest = entries.into_reader();
    loop {
        let len = rest.fill_buf().map_err(UnpackError::Read)?.len();
        if len == 0 {
            return Ok(());
        }
        rest.consume(len);
    }
}

struct Place<'a> {
    root: &'a Root,
    how: &'a Extraction,
    /// The directory of the last entry: archives come directory by directory.
    parent: Option<(Vec<u8>, OwnedFd)>,
    times: BTreeMap<Vec<u8>, (i64, u32)>,
}

impl Place<'_> {
    fn add<R: BufRead>(&mut self, entry: &Entry, entries: &mut Entries<R>) -> Result<(), UnpackError> {
        let path = rooted::clean(&entry.path)
            .ok_or_else(|| refused(&entry.path, "the path leads out of the directory or is none"))?;
        let Some((above, name)) = rooted::split(&path) else {
            // The directory itself stays as it is.
            return if entry.kind == EntryKind::Directory {
                Ok(())
            } else {
                Err(refused(&entry.path, "only a directory can take the directory's place"))
            };
        };
        let fail = |errno| failed(&path, errno);
        self.enter(above).map_err(fail)?;
        let Some((_, dir)) = &self.parent else { return Err(fail(Errno::NOENT)) };
        let old = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(fail(errno)),
        };
        let is_dir = entry.kind == EntryKind::Directory;
        match old {
            Some(true) if is_dir => {}
            Some(was_dir) => {
                if self.how.keep_kinds && was_dir != is_dir {
                    return Err(self.other_kind(&path, was_dir));
                }
                erase_at(dir, name).map_err(fail)?;
                // What was open below it is gone.
                self.times.retain(|dir, _| !is_below(dir, &path));
            }
            None => {}
        }
        match entry.kind {
            EntryKind::File => make::file(dir, name, &path, entry, entries).map(drop),
            EntryKind::HardLink => self.hard_link(dir, &path, name, entry),
            EntryKind::Directory => {
                if old != Some(true) {
                    mkdirat(dir, name, Mode::RWXU).map_err(fail)?;
                }
                let made = open_dir(dir, name).map_err(fail)?;
                attributes(&made, entry).map_err(fail)?;
                if self.times.len() < TIMES_MAX {
                    self.times.insert(path, entry.mtime);
                }
                Ok(())
            }
            _ => make::special(dir, name, entry).map_err(fail),
        }
    }

    fn hard_link(&self, dir: &OwnedFd, path: &[u8], name: &[u8], entry: &Entry) -> Result<(), UnpackError> {
        let target = rooted::clean(&entry.link).filter(|target| !target.is_empty() && target != path);
        let target = target.ok_or_else(|| refused(path, "its link leads out of the directory or to itself"))?;
        let (above, target_name) = rooted::split(&target).unwrap_or_default();
        let fail = |errno| match errno {
            Errno::NOENT => refused(path, &format!("it links to {}, which is not there", shown(&target))),
            _ => failed(path, errno),
        };
        let target_dir = self.root.dir(self.whole(above)).map_err(fail)?;
        linkat(&target_dir, target_name, dir, name, AtFlags::empty()).map_err(fail)
    }

    fn other_kind(&self, path: &[u8], was_dir: bool) -> UnpackError {
        let (path, into) = (shown(&self.whole(path)), shown(&self.how.into));
        let (there, new) = if was_dir { ("directory", "non-directory") } else { ("non-directory", "directory") };
        UnpackError::Archive(format!("cannot overwrite {there} \"{path}\" with {new} \"{into}\""))
    }

    fn whole(&self, path: &[u8]) -> Vec<u8> {
        [b"/", self.how.into.as_slice(), b"/", path].concat()
    }

    /// Makes `above` the current parent, creating what is missing of it.
    fn enter(&mut self, above: &[u8]) -> Result<(), Errno> {
        if self.parent.as_ref().is_some_and(|(path, _)| path == above) {
            return Ok(());
        }
        let dir = self.reach(above)?;
        if is_kernels(&dir).map_err(|_| Errno::IO)? {
            return Err(Errno::PERM);
        }
        self.parent = Some((above.to_vec(), dir));
        Ok(())
    }

    fn reach(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let mut known = path;
        let mut dir = loop {
            match (self.root.dir(self.whole(known)), rooted::split(known)) {
                (Err(Errno::NOENT), Some((above, _))) => known = above,
                (answer, _) => break answer?,
            }
        };
        let rest = path[known.len()..].split(|&b| b == b'/').filter(|part| !part.is_empty());
        for part in rest {
            mkdirat(&dir, part, Mode::from_raw_mode(0o755))?;
            let (uid, gid) = self.how.owner.unwrap_or((0, 0));
            let outside = |id| self.how.ids.outside(id).ok_or(Errno::OVERFLOW);
            let owner = (rustix::fs::Uid::from_raw(outside(uid)?), rustix::fs::Gid::from_raw(outside(gid)?));
            chownat(&dir, part, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
            dir = open_dir(&dir, part)?;
        }
        Ok(dir)
    }

    /// Gives directories the time that the archive has for them, now that nothing more is made in them.
    fn finish(self) {
        for (path, time) in &self.times {
            // One that was taken away meanwhile needs none.
            if let Ok(dir) = self.root.dir(self.whole(path)) {
                futimens(&dir, &times(*time)).ok();
            }
        }
    }
}

fn stranger(path: &[u8], id: u32) -> UnpackError {
    refused(path, &format!("its owner {id} is nobody in the container's user namespace"))
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path == dir || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
#[path = "extract_tests.rs"]
mod tests;
