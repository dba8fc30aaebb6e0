//! Strangers' paths resolved inside a directory, by descriptors only: for layers that are unpacked, for the files of a
//! container that are copied, looked up or made.
//!
//! Every name that comes from an archive or a request goes through here: the kernel resolves it with the directory as
//! its root (`openat2`, `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`), so that neither `..`, nor an absolute path, nor any
//! chain of links, nor a swap between check and use can lead outside. Callers then act on (descriptor of the parent,
//! last component), never on a path.

use rustix::{
    fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, fstat, mkdirat, openat},
    io::{Errno, Result},
};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

/// Longest path that the kernel takes, bytes.
const PATH_MAX: usize = 4095;

/// A directory that is the root for everything resolved through it.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
}

impl Root {
    /// Opens a directory that this program chose.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        Ok(Self { dir: openat(CWD, path, flags, Mode::empty())? })
    }

    /// Takes an open directory, which may be a path descriptor only.
    #[must_use]
    pub const fn new(dir: OwnedFd) -> Self {
        Self { dir }
    }

    /// Opens the directory `path` below the root; links are followed, within the root.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn dir(&self, path: impl AsRef<[u8]>) -> Result<OwnedFd> {
        self.resolve(path.as_ref(), OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Pins what `path` is, following links, without opening it: a device or a pipe is not touched.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn pin(&self, path: impl AsRef<[u8]>) -> Result<OwnedFd> {
        self.resolve(path.as_ref(), OFlags::PATH)
    }

    /// Pins what `path` is, a link in its last place as the link itself, without opening it.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn pin_link(&self, path: impl AsRef<[u8]>) -> Result<OwnedFd> {
        self.resolve(path.as_ref(), OFlags::PATH | OFlags::NOFOLLOW)
    }

    /// A regular file for reading; `None` when there is nothing or something else. What else is there is not opened:
    /// a pipe would block, and opening a device can do things.
    ///
    /// # Errors
    /// Those of openat2(2) but for a path that leads nowhere.
    pub fn file(&self, path: impl AsRef<[u8]>) -> io::Result<Option<File>> {
        match self.pin(path) {
            Ok(pinned) if is(&pinned, FileType::RegularFile)? => Ok(Some(reopen(&pinned)?)),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Makes a directory and those above it, with this owner where they are missing.
    ///
    /// # Errors
    /// Those of mkdir(2); `NOENT` where a link leads to nothing.
    pub fn make_dirs(&self, path: &str, uid: u32, gid: u32) -> io::Result<()> {
        let mut done = String::from(".");
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let parent = self.resolve(done.as_bytes(), OFlags::PATH | OFlags::DIRECTORY)?;
            done.push('/');
            done.push_str(part);
            match self.dir(&done) {
                Ok(_) => continue,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if part != ".." => {}
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(e) => return Err(e.into()),
            }
            mkdirat(&parent, part, Mode::from_raw_mode(0o755))?;
            let owner = (Uid::from_raw(uid), Gid::from_raw(gid));
            chownat(&parent, part, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    fn resolve(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match rustix::fs::openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                // A rename elsewhere in the system raced with a `..` in a link; the kernel asks to look again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                answer => return answer,
            }
        }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Pins what `name` in `parent` is, a link as the link itself, without opening it.
pub(crate) fn pin_at<P: rustix::path::Arg>(parent: impl AsFd, name: P) -> Result<OwnedFd> {
    openat(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Opens the regular file that was pinned, and nothing that took its name since.
pub(crate) fn reopen(pinned: &OwnedFd) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(CWD, link_to(pinned), flags, Mode::empty()).map(File::from)
}

/// The path by which system calls that take no descriptor reach what was pinned.
pub(crate) fn link_to(pinned: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", pinned.as_raw_fd())
}

fn is(pinned: &OwnedFd, kind: FileType) -> Result<bool> {
    Ok(FileType::from_raw_mode(fstat(pinned)?.st_mode) == kind)
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
        let etc = rustix::fs::fstat(rooted.dir("etc").unwrap()).unwrap().st_ino;
        for inside in [&b"abs"[..], b"deep"] {
            assert_eq!(rustix::fs::fstat(rooted.dir(inside).unwrap()).unwrap().st_ino, etc);
        }
        for outside in [&b"up"[..], b"process", b"secret"] {
            assert_eq!(rooted.dir(outside).unwrap_err(), Errno::NOENT);
        }
    }

    #[test]
    fn directories_are_made_inside_even_behind_links() {
        use std::os::unix::fs::symlink;
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("real")).unwrap();
        symlink("/real", root.join("absolute")).unwrap();
        symlink("../../../../escape", root.join("up")).unwrap();
        let rooted = Root::open(&root).unwrap();
        let me = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        rooted.make_dirs("/absolute/a/b", me.0, me.1).unwrap();
        assert!(root.join("real/a/b").is_dir());
        assert!(rooted.make_dirs("/up/x", me.0, me.1).is_err(), "a link to nothing is no directory");
        rooted.make_dirs("/../../x", me.0, me.1).unwrap();
        assert!(root.join("x").is_dir() && !outer.path().join("x").exists() && !outer.path().join("escape").exists());
    }

    #[test]
    fn a_pipe_or_device_in_place_of_a_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(CWD, dir.path().join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        std::fs::write(dir.path().join("plain"), "text").unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert!(root.file("pipe").unwrap().is_none());
        assert!(root.file("absent").unwrap().is_none());
        assert_eq!(io::read_to_string(root.file("plain").unwrap().unwrap()).unwrap(), "text");
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
