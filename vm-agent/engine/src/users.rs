//! User namespaces of containers: which ids of the machine their users are.
//!
//! Every remapped container has a range of its own while it runs, so that two of them cannot touch each other's processes
//! even if both break out. Nothing on the disk depends on it: files are kept with the ids that the container sees, and
//! mounted with these.

use crate::{
    Error, Result,
    container::{HostConfig, NetworkMode},
};
use berth_image::Ids;
use std::{collections::BTreeSet, path::PathBuf};

/// Ids of a container.
pub(crate) const COUNT: u32 = 1 << 16;
/// The ids that are set aside for containers where others give ids to users too: systemd's choice (its document
/// "Users, Groups, UIDs and GIDs on systemd systems").
const SET_ASIDE: std::ops::RangeInclusive<u32> = 0x0008_0000..=0x6fff_0000;

/// A container's user namespace while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Users {
    /// The file that names it.
    pub(crate) namespace: PathBuf,
    /// What its root is outside.
    pub(crate) first: u32,
}

/// The ids of the container whose root is `first`.
pub(crate) fn ids(first: u32) -> Ids {
    Ids::From { first, count: COUNT }
}

/// Whether a container with this configuration gets users of its own; `default` is the engine's answer to one that does
/// not say.
pub(crate) fn remaps(host: &HostConfig, default: bool) -> bool {
    match host.userns_mode.as_str() {
        "" => default,
        mode => mode != "host",
    }
}

/// Refuses what needs the machine's own root, in docker's words (moby `daemon/daemon_unix.go`).
pub(crate) fn check(host: &HostConfig) -> Result<()> {
    let privileged = "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode";
    for (wanted, why) in [
        (host.privileged, privileged),
        (
            host.network_mode == NetworkMode::Host,
            "cannot share the host's network namespace when user namespaces are enabled",
        ),
        (host.pid_mode == "host", "cannot share the host PID namespace when user namespaces are enabled"),
    ] {
        if wanted {
            return Err(Error::InvalidParameter(why.to_owned()));
        }
    }
    Ok(())
}

/// The lowest range that nobody has, by its first id.
pub(crate) fn free(taken: &BTreeSet<u32>) -> Result<u32> {
    let mut ranges = SET_ASIDE.step_by(COUNT as usize);
    let none = || Error::Internal("every range of user ids is taken; stop a container first".to_owned());
    ranges.find(|first| !taken.contains(first)).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_says_whether_its_users_are_its_own_or_the_engine_does() {
        let host = |mode: &str| HostConfig { userns_mode: mode.into(), ..HostConfig::default() };
        for (mode, default, own) in
            [("", false, false), ("", true, true), ("host", true, false), ("auto", false, true), ("auto", true, true)]
        {
            assert_eq!(remaps(&host(mode), default), own, "{mode:?} {default}");
        }
    }

    #[test]
    fn what_needs_the_machines_root_is_refused_in_dockers_words() {
        let said = |change: fn(&mut HostConfig)| {
            let mut host = HostConfig::default();
            change(&mut host);
            check(&host).unwrap_err().to_string()
        };
        assert!(
            said(|h| h.privileged = true).starts_with("privileged mode is incompatible with user namespaces.  You")
        );
        assert!(said(|h| h.network_mode = NetworkMode::Host).starts_with("cannot share the host's network namespace"));
        assert!(said(|h| h.pid_mode = "host".into()).starts_with("cannot share the host PID namespace"));
        check(&HostConfig { ipc_mode: "host".into(), ..HostConfig::default() }).unwrap();
    }

    #[test]
    fn the_lowest_free_range_is_given_and_no_two_overlap() {
        let mut taken = BTreeSet::new();
        for n in 0..100 {
            let first = free(&taken).unwrap();
            assert_eq!(first, 524_288 + n * COUNT);
            taken.insert(first);
        }
        taken.remove(&589_824);
        assert_eq!(free(&taken).unwrap(), 589_824);
        let all: BTreeSet<u32> = SET_ASIDE.step_by(COUNT as usize).collect();
        assert!(all.len() > 28_000 && all.last().unwrap().checked_add(COUNT).is_some());
        assert!(free(&all).unwrap_err().to_string().contains("stop a container first"));
    }
}
