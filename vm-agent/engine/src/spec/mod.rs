//! The OCI runtime specification of a container: built from what was asked and from the image's configuration, with
//! docker's defaults. Labels are data and are not looked at.

mod capabilities;
mod cgroup;
mod devices;
mod environment;
mod etc;
mod exec;
mod mounts;
mod namespaces;
mod resources;
mod seccomp;
mod seccomp_profile;
mod security;
mod user;

pub(crate) use cgroup::path as cgroup_path;
pub(crate) use etc::{EtcFiles, EtcTexts, resolv_conf};
pub(crate) use exec::exec_process;
pub(crate) use mounts::{SHM_SIZE, machine_path, tmpfs_options};
pub(crate) use namespaces::{Joined, donor, joining};
pub(crate) use resources::{
    adapt as adapt_resources, check as check_resources, check_update, update as resources_update,
};
pub(crate) use user::{Names, ResolvedUser};

use crate::{
    Error, Result,
    container::{ContainerConfig, Definition, HostConfig, NetworkMode},
    users::{self, Users},
};
use security::SecurityOptions;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The version of the specification that is followed.
const OCI_VERSION: &str = "1.2.0";
/// The parent of containers' control groups, unless another is asked for.
pub(crate) const CGROUP_PARENT: &str = "/berth";
/// Where docker has its init, and tools look for it.
const INIT: &str = "/sbin/docker-init";

/// Docker's masked paths (moby `oci/defaults.go`).
const MASKED: &[&str] = &[
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// Docker's read-only paths.
const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What a start knows besides what was asked.
pub(crate) struct Circumstances<'a> {
    /// The mounted root filesystem.
    pub(crate) rootfs: &'a Path,
    /// The files mounted in `/etc`.
    pub(crate) etc: &'a EtcFiles,
    /// The user namespace; `None` for the machine's own.
    pub(crate) users: Option<&'a Users>,
    /// The network namespace; `None` for the machine's own.
    pub(crate) network_namespace: Option<&'a Path>,
    /// Whom the process runs as.
    pub(crate) user: &'a ResolvedUser,
    /// The container's host name.
    pub(crate) hostname: &'a str,
    /// What it joins of other containers.
    pub(crate) joined: &'a Joined,
    /// The runtime's executable, which is a container's init under the name [`INIT`].
    pub(crate) runtime: &'a Path,
}

/// The container's host name: as asked, the machine's for one on the machine's network, else the short id.
pub(crate) fn hostname<'a>(definition: &'a Definition, machine: &'a str) -> &'a str {
    match (definition.config.hostname.as_str(), &definition.host.network_mode) {
        ("", NetworkMode::Host) => machine,
        ("", _) => definition.short_id(),
        (asked, _) => asked,
    }
}

/// The whole of `config.json`.
///
/// # Errors
/// What [`check`] finds, and paths that are not text.
pub(crate) fn build(definition: &Definition, at: &Circumstances<'_>) -> Result<Value> {
    let (config, host) = (&definition.config, &definition.host);
    let options = SecurityOptions::parse(&host.security_opt)?;
    let capabilities = capabilities::of(host)?;
    let seccomp = options.filter(host.privileged, &capabilities)?;
    let init: &[&str] = if has_init(host) { &[INIT, "--"] } else { &[] };
    let arguments: Vec<&str> = init.iter().copied().chain(definition.argv.iter().map(String::as_str)).collect();
    let mut devices = devices::of(host, Path::new("/dev"))?;
    let bound = at.users.map(|_| devices.bind());
    let mut process = json!({
        "terminal": config.tty,
        "user": at.user.to_json(),
        "args": arguments,
        "env": environment::of(config, at.hostname, &at.user.home),
        "cwd": if config.working_dir.is_empty() { "/" } else { &config.working_dir },
        "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
        "rlimits": resources::rlimits(&host.ulimits)?,
        "noNewPrivileges": options.no_new_privileges,
    });
    if host.oom_score_adj != 0 {
        process["oomScoreAdj"] = json!(host.oom_score_adj);
    }
    let mut linux = json!({
        "sysctl": sysctls(host, at.users),
        "resources": resources::of(&host.resources)?,
        "cgroupsPath": cgroup_path(definition),
        "namespaces": namespaces::of(host, at.joined, at.network_namespace, at.users)?,
        "maskedPaths": masked_paths(host),
        "readonlyPaths": readonly_paths(host),
    });
    if let Some(rules) = linux["resources"]["devices"].as_array_mut() {
        rules.extend(devices.rules);
    }
    if !devices.nodes.is_empty() {
        linux["devices"] = json!(devices.nodes);
    }
    if !seccomp.is_null() {
        linux["seccomp"] = seccomp;
    }
    let mut spec = json!({
        "ociVersion": OCI_VERSION,
        "process": process,
        "root": { "path": text(at.rootfs)?, "readonly": host.read_only_rootfs },
        "mounts": mounts::of(definition, at, options.writable_cgroups)?,
        "linux": linux,
    });
    if let Some(mounts) = spec["mounts"].as_array_mut() {
        mounts.extend(bound.into_iter().flatten());
    }
    if host.uts_mode != "host" {
        spec["hostname"] = json!(at.hostname);
        if !config.domainname.is_empty() {
            spec["domainname"] = json!(config.domainname);
        }
    }
    Ok(spec)
}

/// Refuses at creation what [`build`] would refuse at every start.
///
/// # Errors
/// One sentence for the user.
pub(crate) fn check(config: &ContainerConfig, host: &HostConfig, cpus: usize) -> Result<()> {
    security::check(host)?;
    namespaces::check(config, host)?;
    devices::check(host)?;
    cgroup::check(host)?;
    resources::check(&host.resources, cpus)?;
    resources::rlimits(&host.ulimits)?;
    environment::check(config)?;
    etc::check(host)?;
    for key in host.sysctls.keys() {
        check_sysctl(key, host)?;
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        let value = host.oom_score_adj;
        return Err(Error::InvalidParameter(format!(
            "Invalid value {value}, range for oom score adj is [-1000, 1000]"
        )));
    }
    Ok(())
}

/// Whether an init runs as PID 1; in a pid namespace that is not the container's own there is no use for one.
fn has_init(host: &HostConfig) -> bool {
    host.init.unwrap_or(false) && host.pid_mode.is_empty()
}

/// The paths masked in a container with this configuration: those asked for, docker's otherwise, none in a privileged
/// one.
pub(crate) fn masked_paths(host: &HostConfig) -> Vec<String> {
    paths(host, host.masked_paths.as_deref(), MASKED)
}

/// As [`masked_paths`], those that are read-only.
pub(crate) fn readonly_paths(host: &HostConfig) -> Vec<String> {
    paths(host, host.readonly_paths.as_deref(), READ_ONLY)
}

/// Docker's two defaults for a network namespace of its own, then what was asked.
fn sysctls(host: &HostConfig, users: Option<&Users>) -> Map<String, Value> {
    let mut all = Map::new();
    if !matches!(host.network_mode, NetworkMode::Host | NetworkMode::Container(_)) {
        all.insert("net.ipv4.ip_unprivileged_port_start".to_owned(), json!("0"));
        // The kernel takes ids that there are.
        let last = users.map_or(2_147_483_647, |_| users::COUNT - 1);
        all.insert("net.ipv4.ping_group_range".to_owned(), json!(format!("0 {last}")));
    }
    all.extend(host.sysctls.iter().map(|(key, value)| (key.clone(), json!(value))));
    all
}

fn check_sysctl(key: &str, host: &HostConfig) -> Result<()> {
    const OWN: &[&str] = &[
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let plain =
        key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) && !key.contains("..");
    let net = key.starts_with("net.");
    let ipc = key.starts_with("fs.mqueue.") || OWN.contains(&key);
    for (kind, concerned, shared) in
        [("network", net, host.network_mode == NetworkMode::Host), ("ipc", ipc, host.ipc_mode == "host")]
    {
        if concerned && shared {
            return Err(Error::InvalidParameter(format!("sysctl {key:?} not allowed in host {kind} namespace")));
        }
    }
    let domain = key == "kernel.domainname" && host.uts_mode != "host";
    if plain && (net || ipc || domain) {
        Ok(())
    } else {
        Err(Error::InvalidParameter(format!("sysctl {key:?} is not in a separate kernel namespace")))
    }
}

fn paths(host: &HostConfig, asked: Option<&[String]>, default: &[&str]) -> Vec<String> {
    match asked {
        Some(paths) => paths.to_vec(),
        None if host.privileged => vec![],
        None => default.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::Internal(format!("the path {} is not text", path.display())))
}

#[cfg(test)]
mod tests;
