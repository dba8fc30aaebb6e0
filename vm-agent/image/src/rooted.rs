//! Paths of an image resolved inside a directory, by descriptors only.
//!
//! Every name that comes from an archive goes through here: the kernel resolves it with the directory as its root
//! (`openat2`, `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`), so that neither `..`, nor an absolute path, nor any chain of
//! links, nor a swap between check and use can lead outside. Callers then act on (descriptor of the parent, last
//! component), never on a path.

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags},
    io::{Errno, Result},
};
use std::{os::fd::OwnedFd, path::Path};

/// Longest path that the kernel takes, bytes.
const PATH_MAX: usize = 4095;

/// A directory that is the root for everything resolved through it.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
}

impl Root {
    /// Opens a directory that this program chose.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { dir: rustix::fs::openat(CWD, path, flags, Mode::empty())? })
    }

    /// Opens the directory `path` below the root; links are followed, within the root.
    pub(crate) fn dir(&self, path: &[u8]) -> Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match rustix::fs::openat2(&self.dir, path, flags, Mode::empty(), resolve) {
                // A rename elsewhere in the system raced with a `..` in a link; the kernel asks to look again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                answer => return answer,
            }
        }
    }
}

/// The path relative to the root, without empty parts, `.` and `..`; empty for the root itself. `None` when it would
/// lead above the root, holds a NUL, or is longer than any path can be.
pub(crate) fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    if path.contains(&0) {
        return None;
    }
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    let path = parts.join(&b'/');
    (path.len() <= PATH_MAX).then_some(path)
}

/// Parent and last component of a [`clean`] path; `None` for the root itself.
pub(crate) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => Some((&path[..at], &path[at + 1..])),
        None => Some((b"", path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_made_relative_and_never_lead_above_the_root() {
        for (written, clean_path) in
            [("/a//b/./c/", "a/b/c"), ("a/../b", "b"), ("./", ""), ("/", ""), ("", ""), ("a/b/../..", "")]
        {
            assert_eq!(clean(written.as_bytes()).as_deref(), Some(clean_path.as_bytes()), "{written}");
        }
        for written in ["..", "../a", "a/../../b", "/..", "a\0b"] {
            assert_eq!(clean(written.as_bytes()), None, "{written}");
        }
        assert_eq!(split(b"a/b/c"), Some((&b"a/b"[..], &b"c"[..])));
        assert_eq!(split(b"a"), Some((&b""[..], &b"a"[..])));
        assert_eq!(split(b""), None);
    }

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::create_dir(outer.path().join("secret")).unwrap();
        for (link, target) in
            [("up", "../secret"), ("abs", "/etc"), ("process", "/proc/self/root"), ("deep", "../../../../../../etc")]
        {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let rooted = Root::open(&root).unwrap();
        let etc = rustix::fs::fstat(rooted.dir(b"etc").unwrap()).unwrap().st_ino;
        for inside in [&b"abs"[..], b"deep"] {
            assert_eq!(rustix::fs::fstat(rooted.dir(inside).unwrap()).unwrap().st_ino, etc);
        }
        for outside in [&b"up"[..], b"process", b"secret"] {
            assert_eq!(rooted.dir(outside).unwrap_err(), Errno::NOENT);
        }
    }

    proptest! {
        #[test]
        fn a_clean_path_has_only_plain_parts(path in proptest::collection::vec(prop_oneof![
            Just(b'/'), Just(b'.'), any::<u8>()], 0..40)) {
            if let Some(path) = clean(&path) {
                prop_assert!(path.is_empty() || path.split(|&b| b == b'/').all(|p| !p.is_empty() && p != b"." && p != b".."));
            }
        }
    }
}
