//! Which namespaces a container has to itself, shares with the machine, or joins.

use super::text;
use crate::{
    Error, Result,
    container::{ContainerConfig, HostConfig, NetworkMode},
    users::Users,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const CONTAINER: &str = "container:";

/// Places of other containers that this one joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Joined {
    /// A pid namespace.
    pub(crate) pid: Option<PathBuf>,
    /// An ipc namespace.
    pub(crate) ipc: Option<PathBuf>,
    /// The directory on `/dev/shm`: the other container's, or this one's own that others may join.
    pub(crate) shm: Option<PathBuf>,
}

/// The container that a mode such as `container:ID` names.
pub(crate) fn donor(mode: &str) -> Option<&str> {
    mode.strip_prefix(CONTAINER)
}

/// The mode that joins this container.
pub(crate) fn joining(id: &str) -> String {
    format!("{CONTAINER}{id}")
}

/// Refuses modes that there are not, and options that contradict them, in docker's words (moby `runconfig`).
pub(super) fn check(config: &ContainerConfig, host: &HostConfig) -> Result<()> {
    let joins = |mode: &str| donor(mode).is_some_and(|name| !name.is_empty());
    let pid = matches!(host.pid_mode.as_str(), "" | "host") || joins(&host.pid_mode);
    let ipc = matches!(host.ipc_mode.as_str(), "" | "none" | "private" | "shareable" | "host") || joins(&host.ipc_mode);
    for (what, mode, valid) in [
        ("PID mode", &host.pid_mode, pid),
        ("IPC mode", &host.ipc_mode, ipc),
        ("UTS mode", &host.uts_mode, matches!(host.uts_mode.as_str(), "" | "host")),
        ("cgroup namespace mode", &host.cgroupns_mode, matches!(host.cgroupns_mode.as_str(), "" | "private" | "host")),
        ("USER mode", &host.userns_mode, matches!(host.userns_mode.as_str(), "" | "host" | "auto")),
    ] {
        if !valid {
            return Err(Error::InvalidParameter(format!("invalid {what}: {mode}")));
        }
    }
    let has_name = !config.hostname.is_empty();
    let conflict = |with: &str| Err(Error::InvalidParameter(format!("conflicting options: {with}")));
    if host.uts_mode == "host" && has_name {
        return conflict("hostname and the UTS mode");
    }
    if !matches!(host.network_mode, NetworkMode::Container(_)) {
        return Ok(());
    }
    if has_name {
        return conflict("hostname and the network mode");
    }
    if !host.dns.is_empty() {
        return conflict("dns and the network mode");
    }
    if !host.extra_hosts.is_empty() {
        return conflict("custom host-to-IP mapping and the network mode");
    }
    if !host.port_bindings.is_empty() || host.publish_all_ports {
        return conflict("port publishing and the container type network mode");
    }
    if !config.exposed_ports.is_empty() {
        return conflict("port exposing and the container type network mode");
    }
    Ok(())
}

/// `linux.namespaces`. `network` is `None` for the machine's own.
pub(super) fn of(
    host: &HostConfig,
    joined: &Joined,
    network: Option<&Path>,
    users: Option<&Users>,
) -> Result<Vec<Value>> {
    let mut all = vec![json!({ "type": "mount" })];
    if let Some(users) = users {
        all.push(json!({ "type": "user", "path": text(&users.namespace)? }));
    }
    for (kind, mode, path) in [
        ("ipc", &host.ipc_mode, joined.ipc.as_deref()),
        ("pid", &host.pid_mode, joined.pid.as_deref()),
        ("uts", &host.uts_mode, None),
        ("cgroup", &host.cgroupns_mode, None),
    ] {
        match path {
            Some(path) => all.push(json!({ "type": kind, "path": text(path)? })),
            None if mode != "host" => all.push(json!({ "type": kind })),
            None => {}
        }
    }
    if let Some(path) = network {
        all.push(json!({ "type": "network", "path": text(path)? }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(change: impl FnOnce(&mut ContainerConfig, &mut HostConfig)) -> String {
        let (mut config, mut host) = (ContainerConfig::default(), HostConfig::default());
        change(&mut config, &mut host);
        check(&config, &host).unwrap_err().to_string()
    }

    #[test]
    fn modes_that_there_are_not_are_refused_in_dockers_words() {
        assert_eq!(said(|_, h| h.pid_mode = "private".into()), "invalid PID mode: private");
        assert_eq!(said(|_, h| h.pid_mode = "container:".into()), "invalid PID mode: container:");
        assert_eq!(said(|_, h| h.ipc_mode = "mine".into()), "invalid IPC mode: mine");
        assert_eq!(said(|_, h| h.uts_mode = "container:x".into()), "invalid UTS mode: container:x");
        assert_eq!(said(|_, h| h.userns_mode = "keep-id".into()), "invalid USER mode: keep-id");
        assert_eq!(said(|_, h| h.cgroupns_mode = "shared".into()), "invalid cgroup namespace mode: shared");
        for ipc in ["", "none", "private", "shareable", "host", "container:x"] {
            check(&ContainerConfig::default(), &HostConfig { ipc_mode: ipc.into(), ..HostConfig::default() }).unwrap();
        }
    }

    #[test]
    fn what_contradicts_a_mode_is_refused_in_dockers_words() {
        let joins = |host: &mut HostConfig| host.network_mode = NetworkMode::Container("x".into());
        let expected = [
            said(|c, h| (c.hostname, h.uts_mode) = ("box".into(), "host".into())),
            said(|c, h| (c.hostname, ()) = ("box".into(), joins(h))),
            said(|_, h| (h.dns, ()) = (vec![[1, 1, 1, 1].into()], joins(h))),
            said(|_, h| (h.extra_hosts, ()) = (vec!["a:1.2.3.4".into()], joins(h))),
            said(|_, h| (h.publish_all_ports, ()) = (true, joins(h))),
        ];
        assert_eq!(
            expected,
            [
                "conflicting options: hostname and the UTS mode",
                "conflicting options: hostname and the network mode",
                "conflicting options: dns and the network mode",
                "conflicting options: custom host-to-IP mapping and the network mode",
                "conflicting options: port publishing and the container type network mode",
            ]
        );
    }

    #[test]
    fn what_is_joined_has_a_path_and_what_is_the_machines_is_not_listed() {
        let host = HostConfig {
            pid_mode: "container:a".into(),
            ipc_mode: "host".into(),
            uts_mode: "host".into(),
            ..HostConfig::default()
        };
        let joined = Joined { pid: Some("/proc/7/ns/pid".into()), ..Joined::default() };
        let all = json!(of(&host, &joined, Some(Path::new("/run/netns/x")), None).unwrap());
        let expected = json!([
            { "type": "mount" }, { "type": "pid", "path": "/proc/7/ns/pid" }, { "type": "cgroup" },
            { "type": "network", "path": "/run/netns/x" }
        ]);
        assert_eq!(all, expected);
    }
}
