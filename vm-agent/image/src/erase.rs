//! Deleting directory trees that strangers made: any depth, without recursion, with three descriptors, and without
//! following anything.
//!
//! Directories are hoisted to the top of the tree before they are emptied, so depth never grows. The standard library's
//! `remove_dir_all` holds one descriptor and one stack frame for each level, which a container or a layer can exhaust.

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat},
    io::{Errno, Result},
};
use std::{
    ffi::CStr,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

/// Deletes a file or a whole tree; nothing there is fine.
pub(crate) fn erase(path: &Path) -> std::io::Result<()> {
    Ok(erase_at(CWD, path)?)
}

/// Deletes what `name` in `parent` is.
pub(crate) fn erase_at<P: rustix::path::Arg + Copy>(parent: impl AsFd + Copy, name: P) -> Result<()> {
    if !is_dir_left(unlinkat(parent, name, AtFlags::empty()))? {
        return Ok(());
    }
    let top = open_dir(parent, name)?;
    let mut hoisted = 0;
    // Names may be skipped while their directory changes under the reader: only a pass that sees none ends it.
    while pass(&top, &mut hoisted)? {}
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Deletes what is in `top`, except for directories within directories, which it moves up. Whether there was anything.
fn pass(top: &OwnedFd, hoisted: &mut u64) -> Result<bool> {
    let mut any = false;
    each(top, |name| {
        any = true;
        if !is_dir_left(unlinkat(top, name, AtFlags::empty()))? {
            return Ok(());
        }
        let below = open_dir(top, name)?;
        each(&below, |name| {
            if is_dir_left(unlinkat(&below, name, AtFlags::empty()))? {
                hoist(&below, name, top, hoisted)?;
            }
            Ok(())
        })?;
        match unlinkat(top, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::NOENT) => Ok(()),
            result => result,
        }
    })?;
    Ok(any)
}

fn hoist(below: &OwnedFd, name: &CStr, top: &OwnedFd, hoisted: &mut u64) -> Result<()> {
    loop {
        *hoisted += 1;
        let free = format!(".erased-{hoisted}");
        match renameat_with(below, name, top, free, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            result => return result,
        }
    }
}

fn each(dir: &OwnedFd, mut act: impl FnMut(&CStr) -> Result<()>) -> Result<()> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            act(name)?;
        }
    }
    Ok(())
}

/// Whether an unlink found a directory, which it leaves.
fn is_dir_left(unlinked: Result<()>) -> Result<bool> {
    match unlinked {
        Ok(()) | Err(Errno::NOENT) => Ok(false),
        Err(Errno::ISDIR) => Ok(true),
        Err(errno) => Err(errno),
    }
}

fn open_dir<P: rustix::path::Arg>(parent: impl AsFd, name: P) -> Result<OwnedFd> {
    openat(parent, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_tree_of_any_depth_goes_and_what_it_points_at_stays() {
        let outer = tempfile::tempdir().unwrap();
        let tree = outer.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(outer.path().join("canary"), "alive").unwrap();
        std::os::unix::fs::symlink("../canary", tree.join("link")).unwrap();
        std::os::unix::fs::symlink("..", tree.join("up")).unwrap();
        // Deeper than descriptors and paths reach: a directory is put on top of the one made before, again and again.
        let (deep, above) = (tree.join("deep"), tree.join("above"));
        fs::create_dir(&deep).unwrap();
        for number in 0..1500 {
            fs::create_dir(&above).unwrap();
            fs::write(above.join("file"), number.to_string()).unwrap();
            fs::rename(&deep, above.join("d")).unwrap();
            fs::rename(&above, &deep).unwrap();
        }
        (0..300).for_each(|n| fs::write(tree.join(format!(".erased-{n}")), "in the way").unwrap());
        erase(&tree).unwrap();
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
        assert_eq!(fs::read(outer.path().join("canary")).unwrap(), b"alive");
        erase(&tree).unwrap();
        erase(&outer.path().join("canary")).unwrap();
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 0);
    }
}
