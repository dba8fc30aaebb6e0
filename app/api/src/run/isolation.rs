//! Options of `run` and `create` about what a container is kept from and what it is given: docker's rules and texts
//! (docker CLI `opts` and `cli/command/container/opts.go`).

mod body;
mod mount;

pub use mount::{MountSpec, mount};

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What is asked for. `Default` is docker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Isolation {
    /// All capabilities, all devices, nothing masked.
    pub privileged: bool,
    /// A small init as PID 1; `None` is the engine's default.
    pub init: Option<bool>,
    /// `host` or `container:NAME`; `None` is the container's own.
    pub pid: Option<String>,
    /// `none`, `private`, `shareable`, `host` or `container:NAME`.
    pub ipc: Option<String>,
    /// `host`.
    pub uts: Option<String>,
    /// `host` or `auto`; `None` is the engine's default.
    pub userns: Option<String>,
    /// `host` or `private`.
    pub cgroupns: Option<String>,
    /// The control group that the container's is made in.
    pub cgroup_parent: Option<String>,
    /// Capabilities besides the default ones.
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    pub cap_drop: Vec<String>,
    /// As the engine takes them; a seccomp profile's text is inside.
    pub security_opt: Vec<String>,
    /// Nothing is masked and nothing read-only in `/proc` and `/sys`.
    pub open_system_paths: bool,
    /// Devices of the machine.
    pub devices: Vec<DeviceSpec>,
    /// Rules such as `c 1:3 rwm`.
    pub device_cgroup_rules: Vec<String>,
    /// Containers whose volumes are mounted too.
    pub volumes_from: Vec<String>,
    /// Mounts in the form of `--mount`.
    pub mounts: Vec<MountSpec>,
    /// Targets of tmpfs with their options.
    pub tmpfs: Vec<(String, String)>,
    /// Size of `/dev/shm`, bytes.
    pub shm_size: Option<i64>,
    /// Limits of the process.
    pub ulimits: Vec<UlimitSpec>,
    /// Kernel parameters of the container's namespaces.
    pub sysctls: Vec<(String, String)>,
    /// -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// The NIS domain name.
    pub domainname: Option<String>,
    /// `name:address`.
    pub extra_hosts: Vec<String>,
    /// Resolvers.
    pub dns: Vec<IpAddr>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_options: Vec<String>,
    /// More groups of the user.
    pub group_add: Vec<String>,
    /// Options of the storage driver.
    pub storage_opt: Vec<(String, String)>,
    /// Other containers that it finds by a name on the default network: `CONTAINER[:ALIAS]`.
    pub links: Vec<String>,
    /// Data for the runtime.
    pub annotations: Vec<(String, String)>,
    /// The runtime, by name.
    pub runtime: Option<String>,
    /// The driver of volumes that are made for it.
    pub volume_driver: Option<String>,
    /// 0 to 100, for the engine to discard.
    pub memory_swappiness: Option<i64>,
    /// For the engine to discard.
    pub oom_kill_disable: bool,
    /// Graphics processors.
    pub gpus: Vec<super::gpu::GpuSpec>,
}

/// A device of the machine in the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// Its path in the machine.
    pub on_host: String,
    /// Its path in the container.
    pub in_container: String,
    /// Some of `r`, `w`, `m`.
    pub permissions: String,
}

/// A limit of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UlimitSpec {
    /// `nofile` and the like.
    pub name: String,
    /// -1 is no limit.
    pub soft: i64,
    /// -1 is no limit.
    pub hard: i64,
}

/// `HOST[:CONTAINER][:PERMISSIONS]` of `--device`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn device(text: &str) -> Result<DeviceSpec, Error> {
    let is_mode = |mode: &str| {
        let once = |letter| mode.matches(letter).count() <= 1;
        !mode.is_empty() && mode.chars().all(|letter| "rwm".contains(letter)) && ['r', 'w', 'm'].into_iter().all(once)
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (on_host, in_container, permissions) = match parts.as_slice() {
        [path] => (*path, *path, "rwm"),
        [path, mode] if is_mode(mode) => (*path, *path, *mode),
        [path, inside] => (*path, *inside, "rwm"),
        [path, inside, mode] => (*path, *inside, *mode),
        _ => return Err(Error::Invalid(format!("bad format for path: {text}"))),
    };
    if !is_mode(permissions) {
        return Err(Error::Invalid(format!("bad mode specified: {permissions}")));
    }
    if !on_host.starts_with('/') || !in_container.starts_with('/') {
        return Err(Error::Invalid(format!("{in_container} is not an absolute path")));
    }
    Ok(DeviceSpec { on_host: on_host.into(), in_container: in_container.into(), permissions: permissions.into() })
}

/// `TYPE MAJOR:MINOR ACCESS` of `--device-cgroup-rule`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn device_rule(text: &str) -> Result<String, Error> {
    let number = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let parts: Vec<&str> = text.split(' ').collect();
    let good = match parts.as_slice() {
        [kind, numbers, access] => {
            matches!(*kind, "a" | "b" | "c")
                && numbers.split_once(':').is_some_and(|(major, minor)| number(major) && number(minor))
                && (1..=3).contains(&access.len())
                && access.bytes().all(|letter| b"rwm".contains(&letter))
        }
        _ => false,
    };
    if good { Ok(text.into()) } else { Err(Error::Invalid(format!("invalid device cgroup format '{text}'"))) }
}

/// `NAME=SOFT[:HARD]` of `--ulimit`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn ulimit(text: &str) -> Result<UlimitSpec, Error> {
    let bad = || Error::Invalid(format!("invalid ulimit argument: {text}"));
    let (name, values) = text.split_once('=').ok_or_else(bad)?;
    let values: Vec<&str> = values.split(':').collect();
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1).ok_or_else(bad);
    let (soft, hard) = match values.as_slice() {
        [both] => (number(both)?, number(both)?),
        [soft, hard] => (number(soft)?, number(hard)?),
        _ => {
            return Err(Error::Invalid(format!(
                "too many limit value arguments - {}, can only have up to two, `soft[:hard]`",
                values.join(":")
            )));
        }
    };
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(Error::Invalid(format!(
            "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        )));
    }
    Ok(UlimitSpec { name: name.into(), soft, hard })
}

/// `PATH[:OPTIONS]` of `--tmpfs`.
///
/// # Errors
/// [`Error::Invalid`] for no path.
pub fn tmpfs(text: &str) -> Result<(String, String), Error> {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    if path.starts_with('/') {
        Ok((path.into(), options.into()))
    } else {
        Err(Error::Invalid(format!("invalid mount path: '{path}' mount path must be absolute")))
    }
}

/// `KEY=VALUE`; without a value it is empty.
///
/// # Errors
/// [`Error::Invalid`] for no key.
pub fn pair(text: &str) -> Result<(String, String), Error> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        Err(Error::Invalid(format!("invalid option: {text:?}")))
    } else {
        Ok((key.into(), value.into()))
    }
}

/// `NAME:ADDRESS` or `NAME=ADDRESS` of `--add-host`; the engine judges the address.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn extra_host(text: &str) -> Result<String, Error> {
    match text.split_once(['=', ':']) {
        Some((name, address)) if !name.is_empty() && !address.is_empty() => Ok(format!("{name}:{address}")),
        _ => Err(Error::Invalid(format!("bad format for add-host: {text:?}"))),
    }
}

/// `CONTAINER[:ALIAS]` of `--link`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn link(text: &str) -> Result<String, Error> {
    if text.is_empty() || text.split(':').count() > 2 {
        return Err(Error::Invalid(format!("bad format for links: {text}")));
    }
    Ok(text.into())
}

/// An address of `--dns`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn resolver(text: &str) -> Result<IpAddr, Error> {
    text.trim().parse().map_err(|_| Error::Invalid(format!("IP address is not correctly formatted: {text}")))
}

/// A namespace mode: one of `words`, or `container:NAME` where a container can be joined.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn mode(text: &str, flag: &str, kind: &str, words: &[&str], joins: bool) -> Result<String, Error> {
    let joined = joins && text.strip_prefix("container:").is_some_and(|name| !name.is_empty());
    if words.contains(&text) || joined {
        Ok(text.into())
    } else {
        Err(Error::Invalid(format!("{flag}: invalid {kind} mode")))
    }
}

/// `--security-opt` values as the engine takes them, and whether `systempaths=unconfined` was among them. `read` reads
/// a file of this host: the engine gets a profile's text and not its name.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn security_options(
    options: &[String],
    read: impl Fn(&str) -> std::io::Result<String>,
) -> Result<(Vec<String>, bool), Error> {
    let (mut all, mut open_system_paths) = (Vec::new(), false);
    for option in options {
        let pair = option.split_once('=').or_else(|| option.split_once(':'));
        match pair {
            None if option == "no-new-privileges" => all.push(option.clone()),
            None => return Err(Error::Invalid(format!("invalid --security-opt: {option:?}"))),
            Some(("systempaths", "unconfined")) => open_system_paths = true,
            Some(("seccomp", profile)) if !matches!(profile, "unconfined" | "builtin") => {
                let text = read(profile)
                    .map_err(|e| Error::Invalid(format!("opening seccomp profile ({profile}) failed: {e}")))?;
                let parsed: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
                    Error::Invalid(format!("compacting json for seccomp profile ({profile}) failed: {e}"))
                })?;
                all.push(format!("seccomp={parsed}"));
            }
            Some(_) => all.push(option.clone()),
        }
    }
    Ok((all, open_system_paths))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_device_is_a_path_another_and_permissions() {
        let parts = |text: &str| {
            let spec = device(text).unwrap();
            (spec.on_host, spec.in_container, spec.permissions)
        };
        let expected = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(parts("/dev/kmsg"), expected("/dev/kmsg", "/dev/kmsg", "rwm"));
        assert_eq!(parts("/dev/kmsg:r"), expected("/dev/kmsg", "/dev/kmsg", "r"));
        assert_eq!(parts("/dev/kmsg:/dev/k"), expected("/dev/kmsg", "/dev/k", "rwm"));
        assert_eq!(parts("/dev/kmsg:/dev/k:wm"), expected("/dev/kmsg", "/dev/k", "wm"));
        assert_eq!(said(device("/a:/b:x")), "bad mode specified: x");
        assert_eq!(said(device("/a:/b:r:w")), "bad format for path: /a:/b:r:w");
        assert_eq!(said(device_rule("c 1:3 x")), "invalid device cgroup format 'c 1:3 x'");
        assert_eq!(device_rule("c 1:* rw").unwrap(), "c 1:* rw");
    }

    #[test]
    fn a_limit_has_one_value_or_two() {
        assert_eq!(ulimit("nofile=1024").unwrap(), UlimitSpec { name: "nofile".into(), soft: 1024, hard: 1024 });
        assert_eq!(ulimit("core=0:-1").unwrap(), UlimitSpec { name: "core".into(), soft: 0, hard: -1 });
        assert_eq!(said(ulimit("nofile")), "invalid ulimit argument: nofile");
        assert!(said(ulimit("nofile=1:2:3")).starts_with("too many limit value arguments - 1:2:3"));
        assert!(said(ulimit("nofile=2:1")).ends_with("2 > 1"));
    }

    #[test]
    fn modes_and_security_options_follow_docker() {
        let pid = |text: &str| mode(text, "--pid", "PID", &["host"], true);
        assert_eq!(pid("container:db").unwrap(), "container:db");
        assert_eq!(said(pid("container:")), "--pid: invalid PID mode");
        let read = |name: &str| {
            if name == "mine.json" {
                Ok("{ \"defaultAction\":\n \"x\" }".into())
            } else {
                Err(std::io::ErrorKind::NotFound.into())
            }
        };
        let options =
            ["no-new-privileges", "seccomp=mine.json", "systempaths=unconfined", "label=disable"].map(String::from);
        let (all, open) = security_options(&options, read).unwrap();
        assert_eq!(all, ["no-new-privileges", "seccomp={\"defaultAction\":\"x\"}", "label=disable"]);
        assert!(open);
        assert_eq!(said(security_options(&["what".into()], read)), "invalid --security-opt: \"what\"");
        assert!(
            said(security_options(&["seccomp=no.json".into()], read))
                .starts_with("opening seccomp profile (no.json) failed")
        );
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in ".{0,40}") {
            drop((device(&text), device_rule(&text), ulimit(&text), tmpfs(&text), extra_host(&text), mount(&text)));
        }
    }
}
