//! What is mounted in a container, in order.

use super::{Circumstances, INIT, has_init, text};
use crate::{
    Error, Result,
    container::{Definition, HostConfig, MountKind, MountSpec, ReadOnlyReach},
};
use serde_json::{Value, json};
use std::path::Path;

/// Docker's size of `/dev/shm`, bytes.
pub(crate) const SHM_SIZE: u64 = 64 << 20;

/// The system's own mounts, the files in `/etc`, then volumes and tmpfs with a parent before what is below it. One of
/// the user's takes the place of a default one at the same path.
pub(super) fn of(definition: &Definition, at: &Circumstances<'_>, writable_cgroups: bool) -> Result<Vec<Value>> {
    let host = &definition.host;
    let mut own: Vec<&MountSpec> = definition.mounts.iter().collect();
    own.sort_by_key(|mount| mount.point.destination.split('/').filter(|part| !part.is_empty()).count());
    // With ids as the container's users have them; the kernel's own filesystems know no such thing.
    let mapped = |options: [&str; 3]| {
        let mut options = json!(options);
        if let (Some(_), Some(list)) = (at.users, options.as_array_mut()) {
            list.push(json!("idmap"));
        }
        options
    };
    let taken = |path: &str| own.iter().any(|mount| mount.point.destination == path);

    let mut all: Vec<Value> = system(host, at.joined.shm.as_deref(), writable_cgroups)?
        .into_iter()
        .filter(|mount| mount["destination"].as_str().is_none_or(|path| !taken(path)))
        .collect();
    if has_init(host) {
        all.push(
            json!({ "destination": INIT, "type": "bind", "source": text(at.runtime)?, "options": ["bind", "rprivate", "ro"] }),
        );
    }
    for (destination, source) in at.etc.targets() {
        if !taken(destination) {
            let access = if host.read_only_rootfs { "ro" } else { "rw" };
            all.push(json!({
                "destination": destination, "type": "bind", "source": text(source)?,
                "options": mapped(["rbind", "rprivate", access]),
            }));
        }
    }
    for mount in own {
        let point = &mount.point;
        all.push(match point.kind {
            MountKind::Tmpfs => json!({
                "destination": point.destination, "type": "tmpfs", "source": "tmpfs", "options": mount.tmpfs_options,
            }),
            MountKind::Volume | MountKind::Bind => {
                let access = match (point.rw, mount.read_only_reach) {
                    (true, _) => "rw",
                    (false, ReadOnlyReach::Alone) => "ro",
                    (false, ReadOnlyReach::Recursive | ReadOnlyReach::RecursiveOrFail) => "rro",
                };
                let reach = if mount.non_recursive { "bind" } else { "rbind" };
                let propagation = if point.propagation.is_empty() { "rprivate" } else { &point.propagation };
                let options = [reach, propagation, access];
                let options = if point.kind == MountKind::Volume { mapped(options) } else { json!(options) };
                json!({
                    "destination": point.destination, "type": "bind", "source": point.source, "options": options,
                })
            }
        });
    }
    Ok(all)
}

/// Docker's default mounts (moby `oci/defaults.go`); in a privileged container `/sys` takes writes. `shm` is where a
/// `/dev/shm` shared with another container is.
fn system(host: &HostConfig, shm: Option<&Path>, writable_cgroups: bool) -> Result<Vec<Value>> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": source, "options": options });
    let access = |writable: bool| if host.privileged || writable { "rw" } else { "ro" };
    let mut all = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", access(false)]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &[access(writable_cgroups), "nosuid", "noexec", "nodev"]),
    ];
    let bound = ["rbind", "rprivate", "nosuid", "noexec", "nodev"];
    if host.ipc_mode == "host" {
        all.push(mount("/dev/mqueue", "bind", "/dev/mqueue", &bound));
        all.push(mount("/dev/shm", "bind", "/dev/shm", &bound));
        return Ok(all);
    }
    all.push(mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    if let Some(shm) = shm {
        all.push(mount("/dev/shm", "bind", text(shm)?, &bound));
    } else if host.ipc_mode != "none" {
        let size = format!("size={}", if host.shm_size == 0 { SHM_SIZE } else { host.shm_size });
        all.push(mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size]));
    }
    Ok(all)
}

/// A path of the kernel's filesystems in the machine, which a container may be given whatever the host is.
pub(crate) fn machine_path(path: &str) -> bool {
    ["/dev", "/proc", "/sys"]
        .iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The options of a tmpfs: docker's defaults, then those asked for, checked against a list, since the kernel's own
/// refusal would come at each start.
pub(crate) fn tmpfs_options(asked: &str) -> Result<Vec<String>> {
    const FLAGS: &[(&str, &str)] = &[
        ("ro", "rw"),
        ("nosuid", "suid"),
        ("nodev", "dev"),
        ("noexec", "exec"),
        ("noatime", "atime"),
        ("nodiratime", "diratime"),
        ("relatime", "norelatime"),
        ("strictatime", "nostrictatime"),
        ("sync", "async"),
    ];
    let mut options: Vec<String> = ["noexec", "nosuid", "nodev"].map(str::to_owned).to_vec();
    for option in asked.split(',').filter(|option| !option.is_empty()) {
        let bad = || Error::InvalidParameter(format!("invalid tmpfs option [{option:?}]"));
        if let Some((key, value)) = option.split_once('=') {
            let known = match key {
                "size" | "nr_inodes" | "nr_blocks" => is_size(value),
                "mode" => !value.is_empty() && value.bytes().all(|b| (b'0'..=b'7').contains(&b)),
                "uid" | "gid" => value.parse::<u32>().is_ok(),
                _ => false,
            };
            if !known {
                return Err(bad());
            }
        } else {
            let pair = FLAGS.iter().find(|(one, other)| *one == option || *other == option).ok_or_else(bad)?;
            options.retain(|have| have != pair.0 && have != pair.1);
        }
        options.push(option.to_owned());
    }
    Ok(options)
}

fn is_size(value: &str) -> bool {
    let number = value.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', '%']);
    value.len() - number.len() <= 1 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}
