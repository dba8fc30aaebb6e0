//! How much room a container's files or a volume's take, as docker counts it: they may change under the walk, so nothing is reached by a path of more than
//! one step that could lead elsewhere.

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use std::{collections::BTreeSet, io, os::fd::OwnedFd, path::Path};

/// Bytes in the files below a directory, each file once however many names it has; directories count nothing, as in
/// docker (moby `directory.Size`). What goes away meanwhile is left out.
///
/// # Errors
/// When the directory itself cannot be read.
pub(crate) fn tree_size(path: &Path) -> io::Result<u64> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    let mut waiting = vec![".".to_owned()];
    let mut seen = BTreeSet::new();
    let mut size = 0_u64;
    while let Some(folder) = waiting.pop() {
        let Some(dir) = open_below(&root, &folder)? else { continue };
        for entry in Dir::read_from(&dir)? {
            let Ok(entry) = entry else { break };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(stat) = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                // A name that is no text cannot be put together to a path here; such directories are left out.
                waiting.extend(name.to_str().ok().map(|name| format!("{folder}/{name}")));
            } else if seen.insert((stat.st_dev, stat.st_ino)) {
                size = size.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
            }
        }
    }
    Ok(size)
}

/// A directory below the root; `None` when it is gone, no directory any more, or too deep for one path.
fn open_below(root: &OwnedFd, path: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
        Ok(dir) => Ok(Some(dir)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG | Errno::AGAIN) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn each_file_counts_once_and_links_lead_nowhere() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("outside"), [0; 1000]).unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/one"), [0; 10]).unwrap();
        fs::hard_link(root.join("a/one"), root.join("a/b/again")).unwrap();
        fs::write(root.join("two"), [0; 5]).unwrap();
        symlink("..", root.join("up")).unwrap();
        assert_eq!(tree_size(&root).unwrap(), 10 + 5 + 2, "two files, and the text of the link");
        assert!(tree_size(&outer.path().join("none")).is_err());
    }
}
