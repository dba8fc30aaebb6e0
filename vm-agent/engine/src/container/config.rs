//! What a container is made from, in docker's two halves: what travels with it and what belongs to this machine.

use super::Resources;
use crate::ContainerPort;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

/// The half that could move to another machine. In a request, absent fields are filled from the image; in what the
/// engine tells about a container, they are filled already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerConfig {
    /// The image as the user named it.
    pub image: String,
    /// Arguments. `None` takes the image's, unless the request has its own entrypoint.
    pub cmd: Option<Vec<String>>,
    /// What runs. `None` takes the image's; `Some` of nothing or of one empty string clears it.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value`; a bare `NAME` removes the variable that the image set.
    pub env: Vec<String>,
    /// `user`, `user:group`, `uid`, `uid:gid`; empty takes the image's.
    pub user: String,
    /// Absolute; empty takes the image's.
    pub working_dir: String,
    /// Data for people and tools. Never becomes configuration.
    pub labels: BTreeMap<String, String>,
    /// Empty takes the short id.
    pub hostname: String,
    /// The NIS domain name.
    pub domainname: String,
    /// Gives the process a terminal.
    pub tty: bool,
    /// Keeps standard input open.
    pub open_stdin: bool,
    /// Closes it after the first client leaves.
    pub stdin_once: bool,
    /// Told by the client, echoed by inspect.
    pub attach_stdin: bool,
    /// Told by the client, echoed by inspect.
    pub attach_stdout: bool,
    /// Told by the client, echoed by inspect.
    pub attach_stderr: bool,
    /// Ports the container says it listens on.
    pub exposed_ports: BTreeSet<ContainerPort>,
    /// Paths that get an anonymous volume.
    pub volumes: BTreeSet<String>,
    /// Name or number; `None` takes the image's, then SIGTERM.
    pub stop_signal: Option<String>,
    /// Seconds until SIGKILL; negative waits for ever; `None` is 10.
    pub stop_timeout: Option<i64>,
    /// `None` takes the image's, and so do fields of it that are not set.
    pub healthcheck: Option<Healthcheck>,
}

/// How to ask a container whether it is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", ..]` or `["CMD-SHELL", ..]`.
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: Option<Duration>,
    /// For one check.
    pub timeout: Option<Duration>,
    /// In which failures do not count.
    pub start_period: Option<Duration>,
    /// Between two checks in the start period.
    pub start_interval: Option<Duration>,
    /// Failures until unhealthy.
    pub retries: Option<u32>,
}

/// The half that belongs to this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostConfig {
    /// `volume-or-/path:/target[:options]`, as docker's `-v`.
    pub binds: Vec<String>,
    /// As docker's `--mount`.
    pub mounts: Vec<Mount>,
    /// Target to options, as docker's `--tmpfs`.
    pub tmpfs: BTreeMap<String, String>,
    /// Ports of the container to where the host publishes them.
    pub port_bindings: BTreeMap<ContainerPort, Vec<PortBinding>>,
    /// Publishes every exposed port on a free port of the host.
    pub publish_all_ports: bool,
    /// Removes the container when it ends.
    pub auto_remove: bool,
    /// What to do when it ends by itself.
    pub restart_policy: RestartPolicy,
    /// Which network it is on.
    pub network_mode: NetworkMode,
    /// How much it may use.
    pub resources: Resources,
    /// Capabilities besides the default ones, with or without `CAP_`; `ALL` is every one.
    pub cap_add: Vec<String>,
    /// Capabilities taken away; `ALL` is every one.
    pub cap_drop: Vec<String>,
    /// All capabilities, all devices, nothing masked.
    pub privileged: bool,
    /// Mounts the root read-only.
    pub read_only_rootfs: bool,
    /// `no-new-privileges[:BOOL]`, `seccomp=unconfined|builtin|PROFILE` (the profile itself, in docker's JSON form),
    /// `writable-cgroups[=BOOL]`, and what turns SELinux and AppArmor off; others are refused.
    pub security_opt: Vec<String>,
    /// Limits of the process.
    pub ulimits: Vec<Ulimit>,
    /// Kernel settings of the container's namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Size of `/dev/shm`, bytes; 0 is 64 MiB, or what the engine's settings say.
    pub shm_size: u64,
    /// Adjusts the OOM killer's choice, -1000 to 1000.
    pub oom_score_adj: i32,
    /// Runs a small init as PID 1; `None` is the engine's default.
    pub init: Option<bool>,
    /// `name:address` lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Resolvers instead of the machine's.
    pub dns: Vec<IpAddr>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Resolver options.
    pub dns_options: Vec<String>,
    /// Groups besides the user's own, names or numbers.
    pub group_add: Vec<String>,
    /// How output is kept.
    pub log_config: LogConfig,
    /// Paths masked; `None` is docker's list.
    pub masked_paths: Option<Vec<String>>,
    /// Paths made read-only; `None` is docker's list.
    pub readonly_paths: Option<Vec<String>>,
    /// `private` (default), `none`, `shareable`, `host`, `container:ID`.
    pub ipc_mode: String,
    /// Empty (private), `host` or `container:ID`.
    pub pid_mode: String,
    /// Empty (private) or `host`.
    pub uts_mode: String,
    /// `private` (default) or `host`.
    pub cgroupns_mode: String,
    /// `host` (the machine's own user namespace), `auto` (one of its own) or empty, the engine's default.
    pub userns_mode: String,
    /// The control group that the container's is made in; empty is the engine's own.
    pub cgroup_parent: String,
    /// Devices of the machine that the container gets.
    pub devices: Vec<DeviceMapping>,
    /// Rules for devices in docker's form, `c 1:3 rwm`.
    pub device_cgroup_rules: Vec<String>,
    /// Other containers that this one calls by a name of its own on the default network: `name-or-id[:alias]`.
    pub links: Vec<String>,
    /// Containers whose volumes this one gets too: `name-or-id[:ro|rw]`.
    pub volumes_from: Vec<String>,
    /// Data, for whoever inspects the container; no runtime sees it, so that none can take it for configuration.
    pub annotations: BTreeMap<String, String>,
}

/// A device of the machine in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMapping {
    /// A device, or a directory of devices, of the machine.
    pub on_host: String,
    /// Where it is in the container; empty is the same path.
    pub in_container: String,
    /// Some of `r`, `w`, `m`; empty is all.
    pub permissions: String,
}

/// One mount of `--mount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What kind.
    pub kind: MountKind,
    /// Volume name or host path; empty for an anonymous volume or a tmpfs.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Refuses writes.
    pub read_only: bool,
    /// Volume: leaves it empty instead of filling it from the image.
    pub no_copy: bool,
    /// Volume: labels of one that is made now.
    pub labels: BTreeMap<String, String>,
    /// Bind: the propagation type; empty is `rprivate`.
    #[serde(default)]
    pub propagation: String,
    /// Bind: leaves out what is mounted below the source.
    #[serde(default)]
    pub non_recursive: bool,
    /// How far `read_only` reaches.
    #[serde(default)]
    pub read_only_reach: ReadOnlyReach,
    /// Tmpfs: bytes; `None` is unlimited.
    pub tmpfs_size: Option<u64>,
    /// Tmpfs: file mode of its root; `None` is 1777.
    pub tmpfs_mode: Option<u32>,
}

/// How far a read-only mount reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadOnlyReach {
    /// Everything below it too.
    #[default]
    Recursive,
    /// The mount alone.
    Alone,
    /// Everything below it, or no start at all.
    RecursiveOrFail,
}

/// The kinds of mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A path of the machine's kernel filesystems. Those of the user's host are refused for now.
    Bind,
    /// A named or anonymous volume.
    Volume,
    /// Memory.
    Tmpfs,
}

/// Where the host publishes a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortBinding {
    /// The address the user gave; `None` leaves it to the host (loopback, both families).
    pub ip: Option<IpAddr>,
    /// 0 asks for any free one.
    pub port: u16,
    /// With `port`, the ends of a range of which any free one will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_port: Option<u16>,
}

/// What to do when a container ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// Restart when the exit code is not 0; at most this many times, 0 without end.
    OnFailure(u32),
    /// Restart always, and when the engine starts.
    Always,
    /// As always, but not after the user stopped it.
    UnlessStopped,
}

/// Which network a container is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// As the client wrote it: `default` and `bridge` mean the same network.
    #[default]
    Default,
    /// The default bridge, by name.
    Bridge,
    /// Loopback only.
    None,
    /// The machine's own network namespace.
    Host,
    /// Another container's network namespace, by the container's id.
    Container(String),
    /// One that a user made, as the user named it.
    Named(String),
}

/// A limit of the process, as setrlimit's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`, `core`, ...
    pub name: String,
    /// -1 is no limit.
    pub soft: i64,
    /// -1 is no limit.
    pub hard: i64,
}

/// How output is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `json-file`, `local`, which rotates unless told otherwise, or `none`; in a request, empty is the engine's default.
    pub driver: String,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { driver: "json-file".into(), options: BTreeMap::new() }
    }
}
