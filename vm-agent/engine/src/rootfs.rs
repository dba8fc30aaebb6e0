//! A container's root filesystem as the engine touches it: the kernel resolves every path with that directory as the
//! root (`openat2`, `RESOLVE_IN_ROOT`), so no link of an image leads out.

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use std::{fs::File, io, os::fd::OwnedFd, path::Path};

/// A directory that is the root of everything looked up through it.
pub(crate) struct Rootfs {
    dir: OwnedFd,
}

impl Rootfs {
    /// Opens a directory of the engine's choice.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        Ok(Self { dir: rustix::fs::openat(CWD, path, flags, Mode::empty())? })
    }

    /// A regular file for reading; `None` when there is nothing or something else, such as a pipe, which could block.
    pub(crate) fn file(&self, path: &str) -> io::Result<Option<File>> {
        match self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
            Ok(fd) => {
                let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
                Ok((kind == FileType::RegularFile).then(|| File::from(fd)))
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// A directory; `None` when there is nothing or something else.
    pub(crate) fn dir(&self, path: &str) -> io::Result<Option<OwnedFd>> {
        match self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Makes a directory and those above it, with this owner where they are missing.
    pub(crate) fn make_dirs(&self, path: &str, uid: u32, gid: u32) -> io::Result<()> {
        let mut done = String::from(".");
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let parent = self.resolve(&done, OFlags::PATH | OFlags::DIRECTORY)?;
            done.push('/');
            done.push_str(part);
            if part == ".." || self.dir(&done)?.is_some() {
                continue;
            }
            rustix::fs::mkdirat(&parent, part, Mode::from_raw_mode(0o755))?;
            let owner = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
            rustix::fs::chownat(&parent, part, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    fn resolve(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match rustix::fs::openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                // A rename elsewhere raced with a `..`; the kernel asks to look again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                answer => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn directories_are_made_inside_even_behind_links() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::create_dir(root.join("real")).unwrap();
        symlink("/real", root.join("absolute")).unwrap();
        symlink("../../../../escape", root.join("up")).unwrap();
        let rooted = Rootfs::open(&root).unwrap();
        let me = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        rooted.make_dirs("/absolute/a/b", me.0, me.1).unwrap();
        assert!(root.join("real/a/b").is_dir());
        assert!(rooted.make_dirs("/up/x", me.0, me.1).is_err(), "a link to nothing is no directory");
        rooted.make_dirs("/../../x", me.0, me.1).unwrap();
        assert!(root.join("x").is_dir() && !outer.path().join("x").exists() && !outer.path().join("escape").exists());
    }

    #[test]
    fn a_pipe_in_place_of_a_file_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(CWD, dir.path().join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(Rootfs::open(dir.path()).unwrap().file("pipe").unwrap().is_none());
    }
}
