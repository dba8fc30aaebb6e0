//! Which ids of the machine those of a user namespace are.

use std::{fs::File, os::fd::OwnedFd, path::Path};

use nix::{
    fcntl::OFlag,
    sched::CloneFlags,
    sys::wait::waitpid,
    unistd::{Pid, pipe2, read},
};
use oci_spec::runtime::{LinuxIdMapping, LinuxIdMappingBuilder};

use super::sysctl::HostProc;
use crate::{
    failure::{Context, Failure},
    kernel::{
        clone::{Cloned, Of, clone},
        process::exit_now,
    },
};

/// The maps of users and of groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IdMaps {
    users: Vec<LinuxIdMapping>,
    groups: Vec<LinuxIdMapping>,
}

impl IdMaps {
    /// The two sections of a configuration; `None` when it has neither.
    ///
    /// # Errors
    /// One without the other.
    pub(crate) fn of(
        users: &Option<Vec<LinuxIdMapping>>,
        groups: &Option<Vec<LinuxIdMapping>>,
    ) -> Result<Option<Self>, Failure> {
        let (users, groups) = (users.clone().unwrap_or_default(), groups.clone().unwrap_or_default());
        match (users.is_empty(), groups.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(Self { users, groups })),
            _ => Err(Failure::other("uidMappings and gidMappings are given together or not at all")),
        }
    }

    /// `size` users and groups from 0 on, which outside are those from `first` on.
    ///
    /// # Errors
    /// More than there are.
    pub(crate) fn from(first: u32, size: u32) -> Result<Self, Failure> {
        if size == 0 || first.checked_add(size).is_none() {
            return Err(Failure::other(format!("{first}:{size} is no range of ids")));
        }
        let map = LinuxIdMappingBuilder::default().container_id(0_u32).host_id(first).size(size).build();
        let maps = vec![map.map_err(|error| Failure::other(format!("map ids: {error}")))?];
        Ok(Self { users: maps.clone(), groups: maps })
    }

    /// Gives them to the new user namespace of process `pid`.
    ///
    /// # Errors
    /// Maps that the kernel refuses: ids twice, or too many lines.
    pub(crate) fn write(&self, proc: &HostProc, pid: Pid) -> Result<(), Failure> {
        for (file, mappings) in [("uid_map", &self.users), ("gid_map", &self.groups)] {
            let line = |map: &LinuxIdMapping| format!("{} {} {}\n", map.container_id(), map.host_id(), map.size());
            let text: String = mappings.iter().map(line).collect();
            proc.write(Path::new(&format!("{pid}/{file}")), &text).context(format_args!("write {file}"))?;
        }
        Ok(())
    }

    /// A user namespace with these maps and nobody in it.
    ///
    /// # Errors
    /// As [`IdMaps::write`].
    pub(crate) fn namespace(&self, proc: &HostProc) -> Result<OwnedFd, Failure> {
        in_new_namespaces(self, CloneFlags::empty(), proc, |pid| {
            Ok(File::open(format!("/proc/{pid}/ns/user")).context("open the user namespace")?.into())
        })
    }
}

/// Makes a user namespace with `maps`, and namespaces `owned` by it, and has `look` take from their process what is
/// wanted of them. The process is gone when this returns.
pub(crate) fn in_new_namespaces<T>(
    maps: &IdMaps,
    owned: CloneFlags,
    proc: &HostProc,
    look: impl FnOnce(Pid) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (held, hold) = pipe2(OFlag::O_CLOEXEC).context("create a pipe")?;
    let kinds = CloneFlags::CLONE_NEWUSER | owned;
    match clone(u64::from(kinds.bits().unsigned_abs()), None, Of::Caller).context("make a user namespace")? {
        Cloned::Child => {
            drop(hold);
            // It ends with whoever holds the other end.
            read(&held, &mut [0]).ok();
            exit_now(0)
        }
        Cloned::Parent { child, .. } => {
            let taken = maps.write(proc, child).and_then(|()| look(child));
            drop(hold);
            waitpid(child, None).context("wait for the user namespace's process")?;
            taken
        }
    }
}

/// The user and the group of the machine that root is in the user namespace of process `pid`; `None` where root is none.
pub(crate) fn root_of(proc: &HostProc, pid: Pid) -> Result<Option<(u32, u32)>, Failure> {
    let read = |file: &str| proc.read(Path::new(&format!("{pid}/{file}"))).context(format_args!("read {file}"));
    Ok(outside_of_root(&read("uid_map")?).zip(outside_of_root(&read("gid_map")?)))
}

/// user_namespaces(7): first id inside, first id outside, how many.
fn outside_of_root(map: &str) -> Option<u32> {
    map.lines().find_map(|line| match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["0", outside, _] => outside.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_outside_is_found_in_a_map() {
        assert_eq!(outside_of_root("         0          0 4294967295\n"), Some(0));
        assert_eq!(outside_of_root("1 5 10\n0 100000 1\n"), Some(100_000));
        assert_eq!(outside_of_root("1 5 10\n"), None);
        assert_eq!(outside_of_root(""), None);
    }

    #[test]
    fn one_map_without_the_other_is_refused() {
        let one: Vec<LinuxIdMapping> =
            serde_json::from_str(r#"[{ "containerID": 0, "hostID": 1, "size": 1 }]"#).unwrap();
        assert_eq!(IdMaps::of(&None, &Some(vec![])).unwrap(), None);
        assert!(IdMaps::of(&Some(one.clone()), &Some(one.clone())).unwrap().is_some());
        assert!(IdMaps::of(&Some(one), &None).unwrap_err().message.contains("together"));
    }
}
