//! Whom a container's process runs as: names are looked up in the image's own files, as text, never by a library that
//! the image could bring.

use crate::{Error, Result, rootfs::Rootfs};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
};

/// No real file is longer; a longer one is read so far. Bytes.
const LONGEST_FILE: u64 = 4 << 20;
/// The largest id (runc `libcontainer/user`).
const LARGEST_ID: u32 = i32::MAX as u32;

/// The numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

impl ResolvedUser {
    pub(super) fn to_json(&self) -> Value {
        json!({ "uid": self.uid, "gid": self.gid, "additionalGids": self.groups })
    }

    /// The numbers of `user[:group]`, each a name or a number, with the groups asked for besides.
    ///
    /// # Errors
    /// A name that the image does not have, in docker's words.
    pub(crate) fn look_up(root: &Rootfs, user: &str, more_groups: &[String]) -> Result<Self> {
        let (user, group) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (user, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let entry = passwd(root)?.find(|entry| entry.name == user || number(user) == Some(entry.uid));
        let mut found = match (&entry, number(user)) {
            (Some(entry), _) => Self { uid: entry.uid, gid: entry.gid, groups: vec![], home: entry.home.clone() },
            (None, Some(uid)) => Self { uid, gid: 0, groups: vec![], home: "/".to_owned() },
            (None, None) => {
                return Err(missing(format!("unable to find user {user}: no matching entries in passwd file")));
            }
        };
        match (group, entry) {
            (Some(group), _) => found.gid = group_id(root, group)?,
            (None, Some(entry)) => {
                let mine = groups(root)?.filter(|group| group.members.contains(&entry.name)).map(|group| group.gid);
                found.groups = mine.collect();
            }
            (None, None) => {}
        }
        for group in more_groups {
            found.groups.push(group_id(root, group)?);
        }
        found.groups.sort_unstable();
        found.groups.dedup();
        let ids = found.groups.iter().chain([&found.uid, &found.gid]);
        if ids.into_iter().any(|id| *id > LARGEST_ID) {
            return Err(missing("uids and gids must be in range 0-2147483647".to_owned()));
        }
        if found.home.is_empty() {
            "/".clone_into(&mut found.home);
        }
        Ok(found)
    }
}

/// Names by number, as a container's own files have them; the first of a number counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) users: BTreeMap<u32, String>,
    pub(crate) groups: BTreeMap<u32, String>,
}

impl Names {
    /// Those of a container; none where a file cannot be read.
    pub(crate) fn read(root: &Rootfs) -> Self {
        let mut names = Self::default();
        for entry in passwd(root).into_iter().flatten() {
            names.users.entry(entry.uid).or_insert(entry.name);
        }
        for entry in groups(root).into_iter().flatten() {
            names.groups.entry(entry.gid).or_insert(entry.name);
        }
        names
    }
}

struct PasswdEntry {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

struct GroupEntry {
    name: String,
    gid: u32,
    members: Vec<String>,
}

fn group_id(root: &Rootfs, group: &str) -> Result<u32> {
    let wanted = number(group);
    let entry = groups(root)?.find(|entry| entry.name == group || wanted == Some(entry.gid));
    entry
        .map(|entry| entry.gid)
        .or(wanted)
        .ok_or_else(|| missing(format!("unable to find group {group}: no matching entries in group file")))
}

fn passwd(root: &Rootfs) -> Result<impl Iterator<Item = PasswdEntry>> {
    Ok(lines(root, "etc/passwd")?.filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
        Some(PasswdEntry { name: (*name).to_owned(), uid: number(uid)?, gid: number(gid)?, home: (*home).to_owned() })
    }))
}

fn groups(root: &Rootfs) -> Result<impl Iterator<Item = GroupEntry>> {
    Ok(lines(root, "etc/group")?.filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields.as_slice() else { return None };
        let members = members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
        Some(GroupEntry { name: (*name).to_owned(), gid: number(gid)?, members })
    }))
}

/// The lines of a file of the image; a missing file has none.
fn lines(root: &Rootfs, path: &str) -> Result<impl Iterator<Item = String>> {
    let file = root.file(path).map_err(|e| Error::Internal(format!("could not read /{path} of the image: {e}")))?;
    let text = file
        .into_iter()
        .flat_map(|file| BufReader::new(file.take(LONGEST_FILE)).split(b'\n').map_while(std::result::Result::ok));
    Ok(text.map(|line| String::from_utf8_lossy(&line).trim().to_owned()))
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn missing(why: String) -> Error {
    Error::StartFailed { message: why, callers_fault: true }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn image() -> (tempfile::TempDir, Rootfs) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n# a remark\nbroken\nwww:x:33:33::/var/www:/bin/false\nodd:x:7:8::\n";
        fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
        fs::write(dir.path().join("etc/group"), "root:x:0:\nwww:x:33:\nextra:x:50:www,other\nadm:x:4:www\n").unwrap();
        let root = Rootfs::open(dir.path()).unwrap();
        (dir, root)
    }

    fn look_up(root: &Rootfs, user: &str) -> (u32, u32, Vec<u32>, String) {
        let found = ResolvedUser::look_up(root, user, &[]).unwrap();
        (found.uid, found.gid, found.groups, found.home)
    }

    #[test]
    fn names_and_numbers_mean_what_they_mean_to_docker() {
        let (_dir, root) = image();
        assert_eq!(look_up(&root, ""), (0, 0, vec![], "/root".into()));
        assert_eq!(look_up(&root, "www"), (33, 33, vec![4, 50], "/var/www".into()));
        assert_eq!(look_up(&root, "33"), (33, 33, vec![4, 50], "/var/www".into()));
        assert_eq!(look_up(&root, "www:adm"), (33, 4, vec![], "/var/www".into()));
        assert_eq!(look_up(&root, "1234"), (1234, 0, vec![], "/".into()));
        assert_eq!(look_up(&root, "1234:4321"), (1234, 4321, vec![], "/".into()));
        let more = ResolvedUser::look_up(&root, "1234", &["adm".into(), "99".into()]).unwrap();
        assert_eq!(more.groups, [4, 99]);
    }

    #[test]
    fn a_name_that_the_image_lacks_is_an_error_in_dockers_words() {
        let (_dir, root) = image();
        let said = |user: &str| ResolvedUser::look_up(&root, user, &[]).unwrap_err().to_string();
        assert_eq!(said("nobody"), "unable to find user nobody: no matching entries in passwd file");
        assert_eq!(said("www:nope"), "unable to find group nope: no matching entries in group file");
        assert_eq!(said("3000000000"), "uids and gids must be in range 0-2147483647");
    }

    #[test]
    fn files_outside_of_the_image_are_never_read() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("passwd"), "evil:x:0:0::/:\n").unwrap();
        let dir = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("etc")).unwrap();
        let root = Rootfs::open(dir.path()).unwrap();
        assert!(ResolvedUser::look_up(&root, "evil", &[]).is_err());
        assert_eq!(look_up(&root, "").0, 0, "an image without files still runs as root");
    }
}
