//! Paths inside a container's root: resolved by the kernel, never leaving it, whatever links the image holds.

use std::{
    ffi::OsStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat},
    sys::stat::{Mode, SFlag, mkdirat, mknodat},
};

use super::peers;
use crate::{
    failure::{Context, Failure},
    kernel::mount,
};

/// A rename beside us can make openat2 give up with `EAGAIN` (openat2(2)); runc's count of tries.
const TRIES: usize = 32;
/// As many links as the kernel follows (`MAXSYMLINKS`, `linux/namei.h`).
const MAX_LINKS: usize = 40;

/// The root directory of a container, seen from outside of it.
#[derive(Debug)]
pub(crate) struct RootDir {
    directory: OwnedFd,
    /// Some of its mounts are the host's too.
    shares: bool,
}

impl RootDir {
    /// Takes `root` as the root directory.
    pub(crate) fn new(root: OwnedFd) -> Self {
        Self { directory: root, shares: false }
    }

    /// The same root, in which some mounts may be the host's too.
    pub(crate) fn sharing(self, shares: bool) -> Self {
        Self { shares, ..self }
    }

    /// Attaches the detached `mount` on `target`, a place in this root.
    ///
    /// # Errors
    /// A place where it would appear on the host as well.
    pub(crate) fn attach(&self, mount: impl AsFd, target: impl AsFd) -> Result<(), Failure> {
        if self.shares && peers::has(&target)? {
            return Err(Failure::other(
                "its place is in a mount that is shared with the host, which would get it too; bind that one as rslave, or elsewhere",
            ));
        }
        mount::attach(mount, target).context("attach")
    }

    /// Opens `path` below the root. Links are followed inside the root only, and never through `/proc/*/fd` and the like.
    pub(crate) fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlag::empty())
    }

    /// Opens `path` below the root, where no component may be a link (`ELOOP`).
    pub(crate) fn open_without_links(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlag::RESOLVE_NO_SYMLINKS)
    }

    fn resolve(&self, path: &Path, flags: OFlag, extra: ResolveFlag) -> nix::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | extra);
        let mut result = Err(Errno::EAGAIN);
        for _ in 0..TRIES {
            result = openat2(&self.directory, path, how);
            if !matches!(result, Err(Errno::EAGAIN)) {
                break;
            }
        }
        result
    }

    /// Opens the directory `path`, creating it and its parents (mode 0755) where missing.
    pub(crate) fn make_directory(&self, path: &Path) -> nix::Result<OwnedFd> {
        let directory = OFlag::O_PATH | OFlag::O_DIRECTORY;
        match self.open(path, directory) {
            Err(Errno::ENOENT) => {}
            result => return result,
        }
        let mut pending: Vec<Component<'_>> = path.components().filter(is_step).collect();
        pending.reverse();
        let (mut parent, mut walked) = (self.open(Path::new("/"), directory)?, PathBuf::from("/"));
        while let Some(name) = pending.pop() {
            let next = walked.join(name);
            parent = match self.open(&next, directory) {
                Err(Errno::ENOENT) => self.make_child(&parent, name.as_os_str(), &walked, MAX_LINKS)?,
                result => result?,
            };
            walked = next;
        }
        Ok(parent)
    }

    /// Creates `name` in `parent`, which lies at `walked`. A link to a place that does not exist has its target created.
    fn make_child(&self, parent: &OwnedFd, name: &OsStr, walked: &Path, links: usize) -> nix::Result<OwnedFd> {
        match mkdirat(parent, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        let path = walked.join(name);
        match (self.open(&path, OFlag::O_PATH | OFlag::O_DIRECTORY), readlinkat(parent, name)) {
            (Err(Errno::ENOENT), Ok(_)) if links == 0 => Err(Errno::ELOOP),
            (Err(Errno::ENOENT), Ok(target)) => self.make_directory(&walked.join(target)),
            (result, _) => result,
        }
    }

    /// Opens (`O_PATH`) the file `path`, creating an empty one (mode 0644) and its parents where missing.
    pub(crate) fn make_file(&self, path: &Path) -> nix::Result<OwnedFd> {
        match self.open(path, OFlag::O_PATH) {
            Err(Errno::ENOENT) => {}
            result => return result,
        }
        let name = path.file_name().ok_or(Errno::EISDIR)?;
        let parent = self.make_directory(path.parent().ok_or(Errno::EISDIR)?)?;
        match mknodat(&parent, name, SFlag::S_IFREG, Mode::from_bits_truncate(0o644), 0) {
            Ok(()) | Err(Errno::EEXIST) => self.open(path, OFlag::O_PATH),
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for RootDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

fn is_step(component: &Component<'_>) -> bool {
    matches!(component, Component::Normal(_) | Component::ParentDir)
}

/// `path` made absolute without looking at the file system: `.` and `..` are worked out on the text, as Go's
/// `filepath.Clean` does, so that a destination such as `/a/../b` means `/b` even where `a` is a link.
pub(crate) fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn root() -> (tempfile::TempDir, RootDir) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        let root = nix::fcntl::open(&directory.path().join("root"), OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty());
        (directory, RootDir::new(root.unwrap()))
    }

    #[test]
    fn directories_and_files_are_made_with_their_parents() {
        let (place, root) = root();
        root.make_directory(Path::new("/a/b/c")).unwrap();
        root.make_file(Path::new("/a/d/e")).unwrap();
        assert!(place.path().join("root/a/b/c").is_dir());
        assert!(place.path().join("root/a/d/e").is_file());
        root.make_file(Path::new("/a/d/e")).unwrap();
        assert_eq!(root.make_file(Path::new("/a/d/e/f")).unwrap_err(), Errno::ENOTDIR);
    }

    #[test]
    fn links_lead_nowhere_but_into_the_root() {
        let (place, root) = root();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, place.path().join("root/absolute")).unwrap();
        symlink("../../../../../../../..", place.path().join("root/up")).unwrap();
        root.make_directory(Path::new("/absolute/x")).unwrap();
        root.make_file(Path::new("/up/y")).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert!(place.path().join("root").join(outside.strip_prefix("/").unwrap()).join("x").is_dir());
        assert!(place.path().join("root/y").is_file());
    }

    #[test]
    fn a_link_to_itself_ends_in_an_error() {
        let (place, root) = root();
        symlink("loop", place.path().join("root/loop")).unwrap();
        assert_eq!(root.make_directory(Path::new("/loop/x")).unwrap_err(), Errno::ELOOP);
    }

    #[test]
    fn a_descriptor_link_is_not_followed() {
        let (_place, root) = root();
        let host = RootDir::new(nix::fcntl::open("/", OFlag::O_PATH, Mode::empty()).unwrap());
        assert_eq!(host.open(Path::new("/proc/self/fd/0"), OFlag::O_PATH).map(drop), Err(Errno::ELOOP));
        assert_eq!(root.open(Path::new("/proc/self/fd/0"), OFlag::O_PATH).map(drop), Err(Errno::ENOENT));
    }

    #[test]
    fn a_destination_is_cleaned_on_its_text() {
        for (path, clean) in [("/a/../b/", "/b"), ("a/./b", "/a/b"), ("/../..", "/"), ("//x", "/x")] {
            assert_eq!(cleaned(Path::new(path)), Path::new(clean));
        }
    }
}
