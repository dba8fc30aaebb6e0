//! A container's archive becomes files here.
//!
//! The archive is a stranger's. Nothing is written outside the one file or directory that was asked for: every name is
//! walked part by part from an open directory, `..` is refused, no link on the way is followed, whether the archive
//! made it or it was there, and what stands in a file's place is replaced, never written through.

use super::system;
use crate::failure::{Failure, invalid};
use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
    time::SystemTime,
};
use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    path::Path,
    time::Duration,
};
use tar::EntryType;

/// A name for what is being written.
const FRESH: &str = ".berth-cp";

/// Extracts what `archive` has at and below its name `top`. In the directory `into`, it gets the name `name`; without
/// one, only what is in it is extracted. Gives what could not be made here, and why. Blocks.
///
/// # Errors
/// An archive that leads elsewhere or breaks off; what cannot be written. What was written before stays.
pub(crate) fn extract(
    archive: impl Read,
    top: &str,
    into: &Path,
    name: Option<&OsStr>,
) -> Result<Vec<String>, Failure> {
    let dir = Dir::open_ambient_dir(into, ambient_authority());
    let dir = dir.map_err(|error| failed("open", into, &error))?;
    let mut tree = Tree { into, dir, open: Vec::new(), directories: Vec::new(), left_out: Vec::new() };
    let mut archive = tar::Archive::new(archive);
    let unreadable = |error: io::Error| invalid(format!("could not read the archive: {error}"));
    for entry in archive.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Some(parts) = place(&entry.path_bytes(), top, name)? else { continue };
        tree.entry(entry, &parts, top, name)?;
    }
    tree.finish()?;
    // What is behind the archive's end belongs to the answer.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable)?;
    Ok(tree.left_out)
}

/// The parts of an entry's path here; `None` for the directory that is extracted into.
fn place(path: &[u8], top: &str, name: Option<&OsStr>) -> Result<Option<Vec<OsString>>, Failure> {
    let shown = || String::from_utf8_lossy(path).into_owned();
    let mut parts = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    if !matches!(top, "." | "/") && parts.next() != Some(top.as_bytes()) {
        return Err(invalid(format!("the container's archive holds {:?}, which is not in {top:?}", shown())));
    }
    let mut here: Vec<OsString> = name.map(ToOwned::to_owned).into_iter().collect();
    for part in parts {
        if part == b".." {
            return Err(invalid(format!("the container's archive holds {:?}, which leads out of it", shown())));
        }
        let part = system::name(part).ok_or_else(|| invalid(format!("no file here can be named {:?}", shown())))?;
        here.push(part);
    }
    Ok((!here.is_empty()).then_some(here))
}

struct Tree<'a> {
    into: &'a Path,
    dir: Dir,
    /// The directories down to where the last entry went.
    open: Vec<(OsString, Dir)>,
    /// Those whose mode and time are set at the end: neither keeps their files from being made, nor changes with them.
    directories: Vec<(Vec<OsString>, u32, SystemTime)>,
    left_out: Vec<String>,
}

impl Tree<'_> {
    fn entry(
        &mut self,
        mut entry: tar::Entry<'_, impl Read>,
        parts: &[OsString],
        top: &str,
        name: Option<&OsStr>,
    ) -> Result<(), Failure> {
        let at = self.shown(parts);
        let unreadable = |error: io::Error| invalid(format!("could not read the archive: {error}"));
        let header = entry.header();
        let (kind, mode) = (header.entry_type(), header.mode().map_err(unreadable)?);
        let time = time(header.mtime().map_err(unreadable)?);
        let Some((last, above)) = parts.split_last() else { return Ok(()) };
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let linked = match kind {
            EntryType::Link => place(&target, top, name)?,
            _ => None,
        };
        // Hard links are made first, as the walk to them ends elsewhere.
        let linked = match linked.as_deref().and_then(<[_]>::split_last) {
            Some((name, above)) => {
                let dir = self.directory(above).and_then(Dir::try_clone).map_err(|e| failed("open", &at, &e))?;
                Some((dir, name.clone()))
            }
            None => None,
        };
        let parent = self.directory(above).map_err(|error| failed("make", &at, &error))?;
        let there = match parent.symlink_metadata(last) {
            Ok(there) => Some(there.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("look at", &at, &error)),
        };
        let done = Ok(None);
        let left_out = match kind {
            EntryType::Directory => match there {
                Some(false) => return Err(in_the_way("non-directory", &at, "directory", last)),
                Some(true) => done,
                None => parent.create_dir(last).map(|()| None),
            },
            _ if there == Some(true) => return Err(in_the_way("directory", &at, "non-directory", last)),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                write(parent, last, &mut entry, mode, time).map(|()| None)
            }
            EntryType::Symlink => clear(parent, last, there).and_then(|()| link(parent, &target, last)),
            EntryType::Link => match linked {
                Some((dir, name)) => clear(parent, last, there).and_then(|()| dir.hard_link(name, parent, last)),
                None => Err(io::Error::other("it is linked to a directory")),
            }
            .map(|()| None),
            EntryType::XGlobalHeader => done,
            EntryType::Fifo => Ok(Some("it is a pipe".to_owned())),
            EntryType::Char | EntryType::Block => Ok(Some("it is a device".to_owned())),
            _ => Ok(Some("it is neither a file nor a directory nor a link".to_owned())),
        };
        if let Some(why) = left_out.map_err(|error| failed("write", &at, &error))? {
            self.left_out.push(format!("{} was left out: {why}", at.display()));
        }
        if kind == EntryType::Directory {
            self.directories.push((parts.to_vec(), mode, time));
        }
        Ok(())
    }

    /// The directory at these parts, made where it is missing. A link is none.
    fn directory(&mut self, parts: &[OsString]) -> io::Result<&Dir> {
        let same = self.open.iter().zip(parts).take_while(|((open, _), part)| open == *part).count();
        self.open.truncate(same);
        for part in &parts[same..] {
            let parent = self.open.last().map_or(&self.dir, |(_, dir)| dir);
            let dir = match parent.open_dir_nofollow(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    parent.create_dir(part)?;
                    parent.open_dir_nofollow(part)?
                }
                answer => answer?,
            };
            self.open.push((part.clone(), dir));
        }
        Ok(self.open.last().map_or(&self.dir, |(_, dir)| dir))
    }

    /// Gives the directories their modes and times, the deepest first.
    fn finish(&mut self) -> Result<(), Failure> {
        for (parts, mode, time) in std::mem::take(&mut self.directories).into_iter().rev() {
            let at = self.shown(&parts);
            let dir = self.directory(&parts).map_err(|error| failed("open", &at, &error))?;
            let set = dir.set_times(".", None, Some(SystemTimeSpec::Absolute(time)));
            set.and_then(|()| system::permissions(mode).map_or(Ok(()), |mode| dir.set_permissions(".", mode)))
                .map_err(|error| failed("change", &at, &error))?;
        }
        Ok(())
    }

    fn shown(&self, parts: &[OsString]) -> std::path::PathBuf {
        parts.iter().fold(self.into.to_path_buf(), |path, part| path.join(part))
    }
}

/// Writes a file that is there whole or not at all.
fn write(
    dir: &Dir,
    name: &OsStr,
    entry: &mut tar::Entry<'_, impl Read>,
    mode: u32,
    time: SystemTime,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    system::shut(&mut options);
    let fresh = format!("{FRESH}.{}", std::process::id());
    let mut file = dir.open_with(&fresh, &options)?;
    let size = entry.size();
    let written = io::copy(entry, &mut file).and_then(|length| {
        if length != size {
            return Err(io::Error::other("the archive breaks off"));
        }
        if let Some(permissions) = system::permissions(mode) {
            file.set_permissions(permissions)?;
        }
        file.into_std().set_modified(time.into_std())?;
        dir.rename(&fresh, dir, name)
    });
    if written.is_err() {
        // What failed first is what is told.
        dir.remove_file(&fresh).ok();
    }
    written
}

/// Makes a symbolic link, or says why this system cannot.
fn link(dir: &Dir, target: &[u8], name: &OsStr) -> io::Result<Option<String>> {
    match system::make_link(dir, target, name) {
        Err(error) if system::LINKS_MAY_BE_FORBIDDEN => {
            Ok(Some(format!("it is a link that cannot be made here: {error}")))
        }
        made => made.map(|()| None),
    }
}

/// Makes room for a link.
fn clear(dir: &Dir, name: &OsStr, there: Option<bool>) -> io::Result<()> {
    if there.is_some() { dir.remove_file_or_symlink(name) } else { Ok(()) }
}

fn time(seconds: u64) -> SystemTime {
    let epoch = SystemTime::from_std(std::time::UNIX_EPOCH);
    epoch.checked_add(Duration::from_secs(seconds)).unwrap_or(epoch)
}

/// Docker's sentence for a kind that is kept.
fn in_the_way(there: &str, at: &Path, new: &str, name: &OsStr) -> Failure {
    invalid(format!("cannot overwrite {there} {at:?} with {new} {name:?}"))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    invalid(format!("could not {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tar::{Builder, Header};

    /// An archive of entries (kind, name, mode, content or target), with their names as they stand.
    fn archive(entries: &[(EntryType, &str, u32, &str)]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (kind, name, mode, text) in entries {
            let mut header = Header::new_gnu();
            let gnu = header.as_gnu_mut().unwrap();
            gnu.name[..name.len()].copy_from_slice(name.as_bytes());
            let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
            if is_link {
                gnu.linkname[..text.len()].copy_from_slice(text.as_bytes());
            }
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_mtime(1_000_000_000);
            header.set_size(if is_link { 0 } else { text.len() as u64 });
            header.set_cksum();
            archive.append(&header, if is_link { &[] } else { text.as_bytes() }).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn said<T: std::fmt::Debug>(answer: Result<T, Failure>) -> String {
        let Err(Failure::Problem(problem)) = answer else { panic!("{answer:?}") };
        problem.message
    }

    const FILE: EntryType = EntryType::Regular;
    const DIR: EntryType = EntryType::Directory;
    const LINK: EntryType = EntryType::Symlink;

    #[test]
    fn a_directory_comes_under_its_new_name_or_as_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(&[(DIR, "etc", 0o755, ""), (DIR, "etc/a", 0o755, ""), (FILE, "etc/a/f", 0o640, "text")]);
        extract(&bytes[..], "etc", folder.path(), Some(OsStr::new("new"))).unwrap();
        extract(&bytes[..], "etc", folder.path(), None).unwrap();
        for path in ["new/a/f", "a/f"] {
            assert_eq!(fs::read_to_string(folder.path().join(path)).unwrap(), "text", "{path}");
        }
        let whole = archive(&[(DIR, "/", 0o755, ""), (FILE, "/f", 0o644, "root"), (FILE, "./g", 0o644, "dot")]);
        extract(&whole[..], "/", folder.path(), None).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("f")).unwrap(), "root");
        assert_eq!(fs::read_to_string(folder.path().join("g")).unwrap(), "dot");
    }

    #[cfg(unix)]
    #[test]
    fn modes_and_times_are_the_containers_but_no_set_user_id() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let bytes =
            archive(&[(DIR, "d", 0o555, ""), (FILE, "d/su", 0o4755, "x"), (EntryType::Link, "d/other", 0o755, "d/su")]);
        extract(&bytes[..], "d", folder.path(), Some(OsStr::new("d"))).unwrap();
        for (path, mode) in [("d", 0o555), ("d/su", 0o755)] {
            let metadata = fs::metadata(folder.path().join(path)).unwrap();
            assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (mode, 1_000_000_000), "{path}");
        }
        assert_eq!(fs::metadata(folder.path().join("d/other")).unwrap().nlink(), 2);
        fs::set_permissions(folder.path().join("d"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn no_archive_writes_outside() {
        let attacks: &[&[(EntryType, &str, u32, &str)]] = &[
            &[(FILE, "d/../../canary/new", 0o644, "x")],
            &[(FILE, "../canary/new", 0o644, "x")],
            &[(FILE, "/canary/new", 0o644, "x")],
            &[(FILE, "beside", 0o644, "x")],
            &[(LINK, "d/up", 0o777, "../../canary"), (FILE, "d/up/new", 0o644, "x")],
            &[(LINK, "d/up", 0o777, "ABSOLUTE"), (FILE, "d/up/new", 0o644, "x")],
            &[(LINK, "d/up", 0o777, "ABSOLUTE"), (DIR, "d/up", 0o700, "")],
            &[(LINK, "d", 0o777, "ABSOLUTE"), (FILE, "d/new", 0o644, "x")],
            &[(LINK, "d/a", 0o777, ".."), (LINK, "d/b", 0o777, "a/.."), (FILE, "d/b/canary/new", 0o644, "x")],
            &[(LINK, "d/up", 0o777, "ABSOLUTE"), (EntryType::Link, "d/mine", 0o644, "d/up/alive")],
            &[(EntryType::Link, "d/mine", 0o644, "../canary/alive")],
            &[(EntryType::Link, "d/mine", 0o644, "ABSOLUTE/alive")],
            &[(DIR, "d/x", 0o755, ""), (LINK, "d/x", 0o777, "ABSOLUTE"), (FILE, "d/x/new", 0o644, "x")],
        ];
        for (number, attack) in attacks.iter().enumerate() {
            let outer = tempfile::tempdir().unwrap();
            let (canary, into) = (outer.path().join("canary"), outer.path().join("into"));
            fs::create_dir(&canary).unwrap();
            fs::create_dir(&into).unwrap();
            fs::write(canary.join("alive"), "alive").unwrap();
            let absolute = canary.to_str().unwrap();
            let real: Vec<_> =
                attack.iter().map(|(k, n, m, text)| (*k, *n, *m, text.replace("ABSOLUTE", absolute))).collect();
            let real: Vec<_> = real.iter().map(|(k, n, m, text)| (*k, *n, *m, text.as_str())).collect();
            said(extract(&archive(&real)[..], "d", &into, Some(OsStr::new("d"))));
            assert_eq!(fs::read_dir(&canary).unwrap().count(), 1, "attack {number}");
            assert_eq!(fs::read_to_string(canary.join("alive")).unwrap(), "alive", "attack {number}");
            assert!(fs::read_dir(&into).unwrap().all(|entry| entry.unwrap().file_name() == "d"), "attack {number}");
            assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 2, "attack {number}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_come_as_they_are_and_what_stands_in_the_way_is_replaced_not_written_through() {
        let outer = tempfile::tempdir().unwrap();
        let (canary, into) = (outer.path().join("canary"), outer.path().join("into"));
        fs::create_dir(&into).unwrap();
        fs::write(&canary, "alive").unwrap();
        for name in ["f", "l"] {
            std::os::unix::fs::symlink(&canary, into.join(name)).unwrap();
        }
        fs::hard_link(&canary, into.join("h")).unwrap();
        let bytes = archive(&[
            (FILE, "./f", 0o644, "new"),
            (FILE, "./h", 0o644, "new"),
            (LINK, "./l", 0o777, "../else/where"),
            (LINK, "./twice", 0o777, "/bin/busybox"),
            (FILE, "./twice", 0o644, "second"),
        ]);
        extract(&bytes[..], ".", &into, None).unwrap();
        assert_eq!(fs::read_to_string(&canary).unwrap(), "alive");
        assert_eq!(fs::read_link(into.join("l")).unwrap(), Path::new("../else/where"));
        for (name, text) in [("f", "new"), ("h", "new"), ("twice", "second")] {
            assert!(fs::symlink_metadata(into.join(name)).unwrap().is_file());
            assert_eq!(fs::read_to_string(into.join(name)).unwrap(), text);
        }
    }

    #[test]
    fn a_kind_is_kept_and_what_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("dir")).unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        let at = |name: &str| format!("{:?}", folder.path().join(name));
        let refused = said(extract(&archive(&[(FILE, "./dir", 0o644, "x")])[..], ".", folder.path(), None));
        assert_eq!(refused, format!("cannot overwrite directory {} with non-directory \"dir\"", at("dir")));
        let refused = said(extract(&archive(&[(DIR, "./file", 0o755, "")])[..], ".", folder.path(), None));
        assert_eq!(refused, format!("cannot overwrite non-directory {} with directory \"file\"", at("file")));
        let special = archive(&[(EntryType::Fifo, "./p", 0o644, ""), (EntryType::Char, "./c", 0o666, "")]);
        let left_out = extract(&special[..], ".", folder.path(), None).unwrap();
        assert_eq!(left_out.len(), 2);
        assert!(left_out[0].ends_with("p was left out: it is a pipe"), "{left_out:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_archive_that_breaks_off_leaves_no_half_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(&[(FILE, "./whole", 0o644, "whole"), (FILE, "./half", 0o644, &"x".repeat(2000))]);
        said(extract(&bytes[..512 * 4], ".", folder.path(), None));
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["whole"]);
    }
}
