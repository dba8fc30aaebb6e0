//! What a container changed: its writable directory against the layers below, as docker compares whole trees (moby
//! `pkg/archive`, `ChangesDirs`), but looking only at what the writable directory has.

use crate::{
    ImageError, Result, Snapshot,
    error::IoContext as _,
    pack::{is_opaque, names, xattrs},
    rooted::pin_at,
};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat},
    io::Errno,
};
use std::{collections::BTreeSet, os::fd::OwnedFd, path::Path};

/// Deeper trees are refused: three descriptors are held for each level.
const DEEPEST: usize = 300;

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is another than in the image, or something in it is.
    Modified,
    /// The image has no such path.
    Added,
    /// The image has it, the container no more.
    Deleted,
}

/// One changed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Absolute in the container.
    pub path: Vec<u8>,
    /// What happened to it.
    pub kind: ChangeKind,
}

impl Snapshot {
    /// What was changed, a directory before what is in it, else in order of names. `stubs` are paths (from the root,
    /// without a slash in front) that the runtime makes to mount something on: empty, they are no change. Blocks.
    ///
    /// # Errors
    /// [`ImageError::Io`]; [`ImageError::Malformed`] for a tree of absurd depth.
    pub fn changes(&self, stubs: &BTreeSet<Vec<u8>>) -> Result<Vec<Change>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &Path| openat(CWD, path, flags, Mode::empty());
        let upper = open(&self.upper).at("open", &self.upper)?;
        let layers = self.layers()?;
        let below = openat(&layers, c".", flags, Mode::empty()).at("open", &self.upper)?;
        let mut compare = Compare { stubs, changes: Vec::new() };
        match compare.directory(&upper, Some(&below), b"", 0) {
            Ok(()) => Ok(compare.changes),
            Err(Errno::NAMETOOLONG) => {
                Err(ImageError::Malformed(format!("the container's directories are nested more than {DEEPEST} deep")))
            }
            Err(errno) => Err(errno).at("compare", &self.upper),
        }
    }
}

struct Compare<'a> {
    stubs: &'a BTreeSet<Vec<u8>>,
    changes: Vec<Change>,
}

impl Compare<'_> {
    /// Compares what is in `upper`, whose path is `at`; `below` is the same directory of the layers.
    fn directory(
        &mut self,
        upper: &OwnedFd,
        below: Option<&OwnedFd>,
        at: &[u8],
        depth: usize,
    ) -> rustix::io::Result<()> {
        if depth > DEEPEST {
            return Err(Errno::NAMETOOLONG);
        }
        let here = names(upper)?;
        for name in &here {
            let Some(pinned) = there(upper, name)? else { continue };
            let old = match below {
                Some(below) => there(below, name)?,
                None => None,
            };
            let old = match old {
                Some(old) => Some((fstat(&old)?, old)).filter(|(stat, _)| !is_whiteout(stat)),
                None => None,
            };
            let path = [at, b"/", name.to_bytes()].concat();
            let new = fstat(&pinned)?;
            if is_whiteout(&new) {
                if old.is_some() {
                    self.changes.push(Change { path, kind: ChangeKind::Deleted });
                }
                continue;
            }
            self.entry(&pinned, &new, old.as_ref(), path, depth)?;
        }
        // What an opaque directory has not is gone, although nothing says so name by name.
        if let Some(below) = below.filter(|_| is_opaque(upper)) {
            for name in names(below)?.into_iter().filter(|name| here.binary_search(name).is_err()) {
                let path = [at, b"/", name.to_bytes()].concat();
                self.changes.push(Change { path, kind: ChangeKind::Deleted });
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        pinned: &OwnedFd,
        new: &Stat,
        old: Option<&(Stat, OwnedFd)>,
        path: Vec<u8>,
        depth: usize,
    ) -> rustix::io::Result<()> {
        let kind = if old.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        let stub = old.is_none() && self.stubs.contains(&path[1..]);
        if !is_dir(new) {
            let same = old.is_some_and(|(old, _)| same(old, new)) || (stub && new.st_size == 0);
            let caps = match old {
                Some((stat, old)) if same && is_file(new) && is_file(stat) => capability(old)? == capability(pinned)?,
                _ => true,
            };
            if !same || !caps {
                self.changes.push(Change { path, kind });
            }
            return Ok(());
        }
        let place = self.changes.len();
        let below = match old {
            Some((stat, old)) if is_dir(stat) => Some(open(old)?),
            _ => None,
        };
        self.directory(&open(pinned)?, below.as_ref(), &path, depth + 1)?;
        let inside = self.changes.len() > place;
        let itself = if stub { false } else { old.is_none_or(|(old, _)| !same(old, new)) };
        if inside || itself {
            self.changes.insert(place, Change { path, kind });
        }
        Ok(())
    }
}

/// What docker looks at (moby `statDifferent`): of a directory not the time, which changes with what is in it.
fn same(old: &Stat, new: &Stat) -> bool {
    let plain = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
    let content = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    plain(old) == plain(new) && (is_dir(new) || content(old) == content(new))
}

fn there(dir: &OwnedFd, name: &std::ffi::CStr) -> rustix::io::Result<Option<OwnedFd>> {
    match pin_at(dir, name) {
        Ok(pinned) => Ok(Some(pinned)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn open(pinned: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    openat(pinned, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn capability(pinned: &OwnedFd) -> rustix::io::Result<Option<Vec<u8>>> {
    let all = xattrs(crate::rooted::reopen(pinned)?)?;
    Ok(all.into_iter().find(|(name, _)| name == b"security.capability").map(|(_, value)| value))
}

fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn changed(snapshot: &Snapshot, stubs: &[&str]) -> String {
        let stubs = stubs.iter().map(|path| path.as_bytes().to_vec()).collect();
        let all = snapshot.changes(&stubs).unwrap();
        let line = |change: &Change| {
            let letter = match change.kind {
                ChangeKind::Modified => "C",
                ChangeKind::Added => "A",
                ChangeKind::Deleted => "D",
            };
            format!("{letter} {}", String::from_utf8_lossy(&change.path))
        };
        all.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_real_overlay_is_compared_as_docker_compares() {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let at = |path: &str| dir.path().join(path);
        for path in ["low/etc/app", "low/gone/deep", "low/again", "high/var", "upper", "work", "merged"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for path in ["low/etc/passwd", "low/etc/app/conf", "low/again/old", "high/var/x", "low/same", "low/mode"] {
            fs::write(at(path), "image").unwrap();
        }
        let snapshot = Snapshot { lower: vec![at("high"), at("low")], upper: at("upper"), work: at("work") };
        let merged = at("merged");
        snapshot.mount(&merged).unwrap();
        fs::write(merged.join("etc/passwd"), "mine!!").unwrap();
        fs::create_dir(merged.join("etc/new")).unwrap();
        fs::write(merged.join("etc/new/file"), "").unwrap();
        fs::remove_dir_all(merged.join("gone")).unwrap();
        fs::remove_dir_all(merged.join("again")).unwrap();
        fs::create_dir(merged.join("again")).unwrap();
        fs::write(merged.join("again/young"), "").unwrap();
        fs::remove_file(merged.join("var/x")).unwrap();
        for mode in [0o600, 0o644] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(merged.join("mode"), mode).unwrap();
        }
        fs::create_dir_all(merged.join("dev/pts")).unwrap();
        fs::write(merged.join("etc/hosts"), "").unwrap();
        Snapshot::unmount(&merged).unwrap();
        assert_eq!(
            changed(&snapshot, &["dev", "dev/pts", "etc/hosts"]),
            "C /again, A /again/young, D /again/old, C /etc, A /etc/new, A /etc/new/file, C /etc/passwd, D /gone, \
             C /var, D /var/x"
        );
    }
}
