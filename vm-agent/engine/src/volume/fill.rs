//! Fills an empty volume from what the image has at its place, as docker does at a volume's first use.
//!
//! Every step is taken from a descriptor and follows no link: another container may have the volume already and try to
//! turn the copy elsewhere.

use crate::rootfs::Rootfs;
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags},
    io::Errno,
};
use std::{
    collections::HashMap,
    ffi::CStr,
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

/// Deeper trees are refused: the copy keeps a descriptor per level.
const DEEPEST: usize = 200;
/// Beside a volume's data: it is being filled.
const MARK: &str = "filling";

/// Copies the directory `source` of the root filesystem into the directory `volume` unless that has something in it
/// already, or there is no such directory. A mark beside `volume` says while it goes on: what a copy left that was
/// interrupted is removed by the next.
pub(crate) fn fill(root: &Rootfs, source: &str, volume: &Path) -> io::Result<()> {
    let from = match root.dir(source) {
        Ok(from) => from,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    let mark = volume.with_file_name(MARK);
    let to = open_dir(CWD, volume.as_os_str().as_encoded_bytes())?;
    if mark.try_exists()? {
        empty(volume)?;
    }
    if !entries(&to)?.is_empty() {
        return Ok(());
    }
    File::create(&mark)?;
    let mut copy = Copy { links: HashMap::new(), top: to.try_clone()? };
    let copied = copy.tree(&from, &to, &mut Vec::new());
    if copied.is_err() {
        empty(volume)?;
    }
    rustix::fs::syncfs(&to)?;
    fs::remove_file(&mark)?;
    copied
}

/// Removes what is in a directory; `remove_dir_all` follows no link.
fn empty(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

struct Copy {
    /// Where a file with several names was first written, from the volume's top.
    links: HashMap<(u64, u64), Vec<Vec<u8>>>,
    top: OwnedFd,
}

impl Copy {
    /// What is in `from` goes to `to`; `at` is the way from the top.
    fn tree(&mut self, from: &OwnedFd, to: &OwnedFd, at: &mut Vec<Vec<u8>>) -> io::Result<()> {
        if at.len() > DEEPEST {
            return Err(io::Error::other("directories are nested too deep"));
        }
        for name in entries(from)? {
            let name = name.as_c_str();
            let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
            at.push(name.to_bytes().to_vec());
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700))?;
                    let (inner_from, inner_to) = (open_dir(from, name)?, open_dir(to, name)?);
                    self.tree(&inner_from, &inner_to, at)?;
                }
                FileType::RegularFile if stat.st_nlink > 1 && self.link(&stat, to, name, at)? => {}
                FileType::RegularFile => copy_file(from.as_fd(), to.as_fd(), name, &stat)?,
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(from, name, Vec::new())?;
                    rustix::fs::symlinkat(target, to, name)?;
                    own(to.as_fd(), name, &stat)?;
                }
                FileType::Socket | FileType::Unknown => {}
                kind => {
                    rustix::fs::mknodat(to, name, kind, Mode::from_raw_mode(stat.st_mode & 0o7777), stat.st_rdev)?;
                    own(to.as_fd(), name, &stat)?;
                }
            }
            at.pop();
        }
        let stat = rustix::fs::fstat(from)?;
        copy_xattrs(from.as_fd(), to.as_fd())?;
        finish(to.as_fd(), &stat)
    }

    /// Makes a further name for a file that was copied under another; false when this is its first.
    fn link(&mut self, stat: &Stat, to: &OwnedFd, name: &CStr, at: &[Vec<u8>]) -> io::Result<bool> {
        let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) else {
            self.links.insert((stat.st_dev, stat.st_ino), at.to_vec());
            return Ok(false);
        };
        let Some((file, dirs)) = first.split_last() else { return Ok(false) };
        let mut dir = self.top.try_clone()?;
        for part in dirs {
            dir = open_dir(&dir, part.as_slice())?;
        }
        rustix::fs::linkat(&dir, file.as_slice(), to, name, AtFlags::empty())?;
        Ok(true)
    }
}

fn copy_file(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> io::Result<()> {
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut source = File::from(rustix::fs::openat(from, name, read, Mode::empty())?);
    let mut target = File::from(rustix::fs::openat(to, name, write, Mode::from_raw_mode(0o600))?);
    io::copy(&mut source, &mut target)?;
    own_fd(target.as_fd(), stat)?;
    copy_xattrs(source.as_fd(), target.as_fd())?;
    finish(target.as_fd(), stat)
}

/// Owner before mode and extended attributes: a change of owner clears set-user-id and capabilities.
fn own_fd(fd: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    Ok(rustix::fs::fchown(fd, Some(uid), Some(gid))?)
}

fn own(dir: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    Ok(rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn finish(fd: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if is_dir {
        own_fd(fd, stat)?;
    }
    rustix::fs::fchmod(fd, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let time = |seconds: i64, nanos: u64| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanos).unwrap_or(0) };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    Ok(rustix::fs::futimens(fd, &times)?)
}

/// Extended attributes that mean something in a container; the overlay's own stay behind.
fn copy_xattrs(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let mut names = vec![0; 64 << 10];
    let used = match rustix::fs::flistxattr(from, &mut names[..]) {
        Ok(used) => used,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    for name in names[..used].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if !(name.starts_with(b"user.") || name == b"security.capability" || name.starts_with(b"system.posix_acl_")) {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        let used = rustix::fs::fgetxattr(from, name, &mut value[..])?;
        match rustix::fs::fsetxattr(to, name, &value[..used], XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn open_dir<P: rustix::path::Arg>(at: impl AsFd, name: P) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

fn entries(dir: &OwnedFd) -> io::Result<Vec<std::ffi::CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        // ext4 puts lost+found at a filesystem's top; a volume is a directory below, so nothing is skipped but these.
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    struct Case {
        dir: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("root/var/www/sub")).unwrap();
            fs::create_dir(dir.path().join("volume")).unwrap();
            Self { dir }
        }

        fn fill(&self, source: &str) {
            let root = Rootfs::open(&self.dir.path().join("root")).unwrap();
            fill(&root, source, &self.dir.path().join("volume")).unwrap();
        }
    }

    #[test]
    fn a_tree_is_copied_with_everything_about_it() {
        let case = Case::new();
        let (www, volume) = (case.dir.path().join("root/var/www"), case.dir.path().join("volume"));
        fs::write(www.join("index.html"), "hello").unwrap();
        fs::set_permissions(www.join("index.html"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(www.join("index.html"), www.join("sub/same")).unwrap();
        symlink("/etc/passwd", www.join("link")).unwrap();
        fs::set_permissions(&www, fs::Permissions::from_mode(0o751)).unwrap();
        case.fill("/var/www");
        assert_eq!(fs::read_to_string(volume.join("index.html")).unwrap(), "hello");
        let copied = fs::metadata(volume.join("index.html")).unwrap();
        assert_eq!(copied.mode() & 0o7777, 0o4755);
        assert_eq!(copied.mtime(), fs::metadata(www.join("index.html")).unwrap().mtime());
        assert_eq!(copied.ino(), fs::metadata(volume.join("sub/same")).unwrap().ino());
        assert_eq!(fs::read_link(volume.join("link")).unwrap(), Path::new("/etc/passwd"));
        assert_eq!(fs::metadata(&volume).unwrap().mode() & 0o7777, 0o751);
    }

    #[test]
    fn a_volume_with_something_in_it_is_left_alone() {
        let case = Case::new();
        fs::write(case.dir.path().join("root/var/www/new"), "").unwrap();
        fs::write(case.dir.path().join("volume/mine"), "").unwrap();
        case.fill("/var/www");
        assert!(!case.dir.path().join("volume/new").exists());
        case.fill("/no/such/dir");
    }

    #[test]
    fn what_an_interrupted_copy_left_is_replaced_and_a_failed_one_leaves_nothing() {
        let case = Case::new();
        let (www, volume) = (case.dir.path().join("root/var/www"), case.dir.path().join("volume"));
        fs::write(www.join("whole"), "").unwrap();
        fs::create_dir(volume.join("half")).unwrap();
        fs::write(case.dir.path().join(MARK), "").unwrap();
        case.fill("/var/www");
        assert!(volume.join("whole").exists() && !volume.join("half").exists());
        assert!(!case.dir.path().join(MARK).exists());

        fs::remove_dir_all(&volume).unwrap();
        fs::create_dir(&volume).unwrap();
        let mut deep = www.clone();
        for _ in 0..DEEPEST + 2 {
            deep.push("d");
        }
        fs::create_dir_all(deep).unwrap();
        let root = Rootfs::open(&case.dir.path().join("root")).unwrap();
        assert!(fill(&root, "/var/www", &volume).is_err());
        assert_eq!(fs::read_dir(&volume).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_place_of_the_directory_does_not_lead_out() {
        let case = Case::new();
        fs::create_dir(case.dir.path().join("secret")).unwrap();
        fs::write(case.dir.path().join("secret/key"), "").unwrap();
        symlink("../../../secret", case.dir.path().join("root/var/out")).unwrap();
        case.fill("/var/out");
        assert!(entries(&open_dir(CWD, case.dir.path().join("volume")).unwrap()).unwrap().is_empty());
    }
}
