//! The OCI runtime specification of a container: built from what was asked and from the image's configuration, with
//! docker's defaults. Labels are data and are not looked at.

mod capabilities;
mod environment;
mod etc;
mod mounts;
mod resources;
mod seccomp;
mod user;

pub(crate) use etc::{EtcFiles, EtcTexts};
pub(crate) use mounts::tmpfs_options;
pub(crate) use resources::{
    adapt as adapt_resources, check as check_resources, check_update, update as resources_update,
};
pub(crate) use user::ResolvedUser;

use crate::{
    Error, Result,
    container::{ContainerConfig, Definition, HostConfig, NetworkMode},
};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The version of the specification that is followed.
const OCI_VERSION: &str = "1.2.0";
/// The parent of all containers' control groups.
pub(crate) const CGROUP_PARENT: &str = "/berth";

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
    /// The network namespace; `None` for the machine's own.
    pub(crate) network_namespace: Option<&'a Path>,
    /// Whom the process runs as.
    pub(crate) user: &'a ResolvedUser,
    /// The container's host name.
    pub(crate) hostname: &'a str,
}

/// The container's control group, below the root of all groups.
pub(crate) fn cgroup_path(definition: &Definition) -> String {
    format!("{CGROUP_PARENT}/{}", definition.id)
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
    let capabilities = capabilities::of(&host.cap_add, &host.cap_drop)?;
    let seccomp = if options.unconfined { Value::Null } else { seccomp::profile(&capabilities)? };
    let mut process = json!({
        "terminal": config.tty,
        "user": at.user.to_json(),
        "args": definition.argv,
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
        "sysctl": sysctls(host),
        "resources": resources::of(&host.resources)?,
        "cgroupsPath": cgroup_path(definition),
        "namespaces": namespaces(host, at.network_namespace)?,
        "maskedPaths": paths(host.masked_paths.as_deref(), MASKED),
        "readonlyPaths": paths(host.readonly_paths.as_deref(), READ_ONLY),
    });
    if !seccomp.is_null() {
        linux["seccomp"] = seccomp;
    }
    let mut spec = json!({
        "ociVersion": OCI_VERSION,
        "process": process,
        "root": { "path": text(at.rootfs)?, "readonly": host.read_only_rootfs },
        "mounts": mounts::of(definition, at.etc)?,
        "linux": linux,
    });
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
    capabilities::of(&host.cap_add, &host.cap_drop)?;
    SecurityOptions::parse(&host.security_opt)?;
    resources::check(&host.resources, cpus)?;
    resources::rlimits(&host.ulimits)?;
    environment::check(config)?;
    etc::check(host)?;
    for key in host.sysctls.keys() {
        check_sysctl(key, &host.network_mode)?;
    }
    let modes = [
        ("ipc", &host.ipc_mode, &["", "private", "shareable", "host"][..]),
        ("pid", &host.pid_mode, &["", "host"]),
        ("uts", &host.uts_mode, &["", "host"]),
        ("cgroup namespace", &host.cgroupns_mode, &["", "private", "host"]),
    ];
    for (what, mode, known) in modes {
        if !known.contains(&mode.as_str()) {
            return Err(Error::InvalidParameter(format!("invalid {what} mode: {mode}; it may be private or host")));
        }
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        let value = host.oom_score_adj;
        return Err(Error::InvalidParameter(format!(
            "Invalid value {value}, range for oom score adj is [-1000, 1000]"
        )));
    }
    Ok(())
}

#[derive(Default)]
struct SecurityOptions {
    no_new_privileges: bool,
    unconfined: bool,
}

impl SecurityOptions {
    fn parse(options: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        for option in options {
            let (key, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
            match (key, value) {
                ("no-new-privileges", "" | "true") => parsed.no_new_privileges = true,
                ("no-new-privileges", "false") => parsed.no_new_privileges = false,
                ("seccomp", "unconfined") => parsed.unconfined = true,
                ("seccomp", "builtin") => parsed.unconfined = false,
                // The machine runs neither SELinux nor AppArmor: what turns them off asks for what is so already.
                ("label", "disable") | ("apparmor", "unconfined") => {}
                ("seccomp", _) => {
                    return Err(Error::InvalidParameter(
                        "a seccomp profile of one's own is not available yet; use seccomp=unconfined or none"
                            .to_owned(),
                    ));
                }
                _ => return Err(Error::InvalidParameter(format!("invalid --security-opt 2: {option:?}"))),
            }
        }
        Ok(parsed)
    }
}

fn namespaces(host: &HostConfig, network: Option<&Path>) -> Result<Vec<Value>> {
    let mut namespaces = vec![json!({ "type": "mount" })];
    let private =
        [("ipc", &host.ipc_mode), ("pid", &host.pid_mode), ("uts", &host.uts_mode), ("cgroup", &host.cgroupns_mode)];
    for (kind, mode) in private {
        if mode != "host" {
            namespaces.push(json!({ "type": kind }));
        }
    }
    if let Some(path) = network {
        namespaces.push(json!({ "type": "network", "path": text(path)? }));
    }
    Ok(namespaces)
}

/// Docker's two defaults for a network namespace of its own, then what was asked.
fn sysctls(host: &HostConfig) -> Map<String, Value> {
    let mut all = Map::new();
    if host.network_mode != NetworkMode::Host {
        all.insert("net.ipv4.ip_unprivileged_port_start".to_owned(), json!("0"));
        all.insert("net.ipv4.ping_group_range".to_owned(), json!("0 2147483647"));
    }
    all.extend(host.sysctls.iter().map(|(key, value)| (key.clone(), json!(value))));
    all
}

fn check_sysctl(key: &str, network: &NetworkMode) -> Result<()> {
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
    if net && *network == NetworkMode::Host {
        return Err(Error::InvalidParameter(format!("sysctl {key:?} not allowed in host network namespace")));
    }
    if plain && (net || key.starts_with("fs.mqueue.") || OWN.contains(&key)) {
        Ok(())
    } else {
        Err(Error::InvalidParameter(format!("sysctl {key:?} is not in a separate kernel namespace")))
    }
}

fn paths(asked: Option<&[String]>, default: &[&str]) -> Value {
    asked.map_or_else(|| json!(default), |paths| json!(paths))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::Internal(format!("the path {} is not text", path.display())))
}

#[cfg(test)]
mod tests;
