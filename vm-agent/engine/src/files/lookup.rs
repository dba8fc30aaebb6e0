//! A path of a request, found in a container.

use super::PathStat;
use crate::{Error, Result, Timestamp};
use berth_image::Root;
use rustix::{
    fs::{FileType, Stat, fstat, readlinkat},
    io::Errno,
};
use std::{collections::VecDeque, ffi::CString, os::fd::OwnedFd};

/// As many links as docker follows (moby `symlink.evalSymlinksInScope`).
const MAX_LINKS: usize = 255;

/// What a path led to.
pub(crate) struct Found {
    /// Pinned; a link in the last place is the link itself, unless the path ends with a slash.
    pub(crate) pinned: OwnedFd,
    pub(crate) stat: PathStat,
}

impl Found {
    /// Looks the path up, as docker reads it: `.`, `..` and doubled slashes are worked out on the text.
    pub(crate) fn look_up(root: &Root, container: &str, path: &str) -> Result<Self> {
        let (clean, follow) = (clean(path), path.ends_with('/') || path.ends_with("/.") || path == ".");
        let found = match (follow, root.pin_link(&clean)) {
            (true, Ok(_)) => root.pin(format!("{clean}/")),
            (_, answer) => answer,
        };
        let pinned = found.map_err(|errno| failed(errno, container, path))?;
        let stat = fstat(&pinned).map_err(|errno| failed(errno, container, path))?;
        let link_target = if is(&stat, FileType::Symlink) { evaluate(root, &clean) } else { String::new() };
        let stat = PathStat {
            name: base(path),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode,
            modified: Timestamp(
                stat.st_mtime.saturating_mul(1_000_000_000).saturating_add_unsigned(stat.st_mtime_nsec),
            ),
            link_target,
        };
        Ok(Self { pinned, stat })
    }

    pub(crate) fn is_dir(&self) -> bool {
        FileType::from_raw_mode(self.stat.mode) == FileType::Directory
    }

    /// The name for an archive.
    pub(crate) fn name(&self) -> Result<CString> {
        CString::new(self.stat.name.as_str()).map_err(|_| Error::InvalidParameter("the path holds a zero byte".into()))
    }
}

/// Docker's sentence for a path that cannot be had.
pub(crate) fn failed(errno: Errno, container: &str, path: &str) -> Error {
    match errno {
        Errno::NOENT => Error::NotFound(format!("Could not find the file {path} in container {container}")),
        errno => Error::InvalidParameter(format!("lstat {path}: {}", reason(errno))),
    }
}

fn reason(errno: Errno) -> String {
    match errno {
        Errno::NOTDIR => "not a directory".to_owned(),
        Errno::LOOP => "too many levels of symbolic links".to_owned(),
        Errno::NAMETOOLONG => "file name too long".to_owned(),
        errno => std::io::Error::from(errno).to_string(),
    }
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

/// The absolute path without `.`, `..` and doubled slashes, as Go's `filepath.Join("/", path)`.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Go's `filepath.Base`, where a path that ends with `/.` keeps the dot (moby `PreserveTrailingDotOrSeparator`).
fn base(path: &str) -> String {
    if path == "." || path.ends_with("/.") {
        return ".".to_owned();
    }
    let clean = clean(path);
    clean.rsplit('/').find(|part| !part.is_empty()).unwrap_or("/").to_owned()
}

/// What a link means in the container: every link on the way replaced, as far as there is something.
fn evaluate(root: &Root, path: &str) -> String {
    let mut left: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let mut done: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.pop();
                continue;
            }
            _ => done.push(part),
        }
        let here = format!("/{}", done.join("/"));
        let Some(target) = root.pin_link(&here).ok().and_then(|pinned| readlinkat(&pinned, c"", Vec::new()).ok())
        else {
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            return path.to_owned();
        }
        let target = target.to_string_lossy().into_owned();
        done.pop();
        if target.starts_with('/') {
            done.clear();
        }
        for part in target.split('/').rev() {
            left.push_front(part.to_owned());
        }
    }
    format!("/{}", done.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn paths_and_names_are_read_as_docker_reads_them() {
        for (path, whole, name) in [
            ("/etc/passwd", "/etc/passwd", "passwd"),
            ("etc//x/../passwd/", "/etc/passwd", "passwd"),
            ("/etc/.", "/etc", "."),
            ("/", "/", "/"),
            ("../../x", "/x", "x"),
            (".", "/", "."),
        ] {
            assert_eq!((clean(path).as_str(), base(path).as_str()), (whole, name), "{path}");
        }
    }

    #[test]
    fn a_link_is_told_with_what_it_means_and_followed_only_with_a_slash() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        symlink("/a", dir.path().join("link")).unwrap();
        symlink("link/b/absent", dir.path().join("broken")).unwrap();
        symlink("round", dir.path().join("round")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let look = |path| Found::look_up(&root, "c1", path);
        let link = look("/link").unwrap();
        assert!(!link.is_dir() && link.stat.link_target == "/a");
        let followed = look("/link/").unwrap();
        assert!(followed.is_dir() && followed.stat.link_target.is_empty() && followed.stat.name == "link");
        assert_eq!(look("/broken").unwrap().stat.link_target, "/a/b/absent");
        assert_eq!(look("/round").unwrap().stat.link_target, "/round");
        assert_eq!(look("/nope").err().unwrap().to_string(), "Could not find the file /nope in container c1");
        fs::write(dir.path().join("f"), "").unwrap();
        assert_eq!(look("/f/").err().unwrap().to_string(), "lstat /f/: not a directory");
    }
}
