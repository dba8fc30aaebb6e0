//! `HostConfig`: the half of a container that belongs to this machine. Fields that the engine does not have are
//! shown as docker shows them when they are not set.

use super::super::{mount_point, network, network::BindingOut};
use crate::system::RUNTIME;
use berth_engine::container::{
    DeviceMapping, HostConfig, LogConfig, Mount, MountKind, PortBinding, ReadOnlyReach, Resources, RestartPolicy,
    ThrottleDevice, Ulimit,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How much `/dev/shm` holds when nothing is said, bytes (docker's default).
const SHM_SIZE: u64 = 64 << 20;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HostOut {
    binds: Option<Vec<String>>,
    #[serde(rename = "ContainerIDFile")]
    container_id_file: &'static str,
    log_config: LogOut,
    network_mode: String,
    port_bindings: BTreeMap<String, Vec<BindingOut>>,
    restart_policy: RestartOut,
    auto_remove: bool,
    volume_driver: &'static str,
    volumes_from: Option<Vec<String>>,
    console_size: [u16; 2],
    cap_add: Option<Vec<String>>,
    cap_drop: Option<Vec<String>>,
    cgroupns_mode: String,
    dns: Vec<String>,
    dns_options: Vec<String>,
    dns_search: Vec<String>,
    extra_hosts: Option<Vec<String>>,
    group_add: Option<Vec<String>>,
    ipc_mode: String,
    cgroup: &'static str,
    links: Option<Vec<String>>,
    oom_score_adj: i32,
    pid_mode: String,
    privileged: bool,
    publish_all_ports: bool,
    readonly_rootfs: bool,
    security_opt: Option<Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tmpfs: BTreeMap<String, String>,
    #[serde(rename = "UTSMode")]
    uts_mode: String,
    userns_mode: String,
    shm_size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctls: BTreeMap<String, String>,
    runtime: &'static str,
    isolation: &'static str,
    #[serde(flatten)]
    resources: ResourcesOut,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<Value>,
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogOut {
    #[serde(rename = "Type")]
    kind: String,
    config: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RestartOut {
    name: &'static str,
    maximum_retry_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourcesOut {
    cpu_shares: u64,
    memory: u64,
    nano_cpus: u64,
    cgroup_parent: String,
    blkio_weight: u16,
    blkio_weight_device: Vec<Value>,
    blkio_device_read_bps: Vec<Value>,
    blkio_device_write_bps: Vec<Value>,
    #[serde(rename = "BlkioDeviceReadIOps")]
    blkio_device_read_iops: Vec<Value>,
    #[serde(rename = "BlkioDeviceWriteIOps")]
    blkio_device_write_iops: Vec<Value>,
    cpu_period: u64,
    cpu_quota: i64,
    cpu_realtime_period: i64,
    cpu_realtime_runtime: i64,
    cpuset_cpus: String,
    cpuset_mems: String,
    devices: Vec<DeviceOut>,
    device_cgroup_rules: Option<Vec<String>>,
    device_requests: Option<()>,
    memory_reservation: u64,
    memory_swap: i64,
    memory_swappiness: Option<i64>,
    oom_kill_disable: Option<bool>,
    pids_limit: Option<i64>,
    ulimits: Vec<UlimitOut>,
    cpu_count: i64,
    cpu_percent: i64,
    #[serde(rename = "IOMaximumIOps")]
    io_maximum_iops: u64,
    #[serde(rename = "IOMaximumBandwidth")]
    io_maximum_bandwidth: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeviceOut {
    path_on_host: String,
    path_in_container: String,
    cgroup_permissions: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UlimitOut {
    name: String,
    hard: i64,
    soft: i64,
}

impl From<HostConfig> for HostOut {
    fn from(host: HostConfig) -> Self {
        let list = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let or_private = |mode: String| if mode.is_empty() { "private".to_owned() } else { mode };
        Self {
            binds: list(host.binds),
            container_id_file: "",
            log_config: host.log_config.into(),
            network_mode: network::mode(&host.network_mode).into_owned(),
            port_bindings: host
                .port_bindings
                .into_iter()
                .map(|(port, to)| (port.to_string(), to.into_iter().map(BindingOut::from).collect()))
                .collect(),
            restart_policy: host.restart_policy.into(),
            auto_remove: host.auto_remove,
            volume_driver: "",
            volumes_from: list(host.volumes_from),
            console_size: [0, 0],
            cap_add: list(host.cap_add),
            cap_drop: list(host.cap_drop),
            cgroupns_mode: or_private(host.cgroupns_mode),
            dns: host.dns.iter().map(ToString::to_string).collect(),
            dns_options: host.dns_options,
            dns_search: host.dns_search,
            extra_hosts: list(host.extra_hosts),
            group_add: list(host.group_add),
            ipc_mode: or_private(host.ipc_mode),
            cgroup: "",
            links: list(host.links),
            oom_score_adj: host.oom_score_adj,
            pid_mode: host.pid_mode,
            privileged: host.privileged,
            publish_all_ports: host.publish_all_ports,
            readonly_rootfs: host.read_only_rootfs,
            security_opt: list(host.security_opt),
            tmpfs: host.tmpfs,
            uts_mode: host.uts_mode,
            userns_mode: host.userns_mode,
            shm_size: if host.shm_size == 0 { SHM_SIZE } else { host.shm_size },
            sysctls: host.sysctls,
            runtime: RUNTIME,
            isolation: "",
            resources: ResourcesOut {
                cgroup_parent: host.cgroup_parent,
                devices: host.devices.into_iter().map(DeviceOut::from).collect(),
                device_cgroup_rules: list(host.device_cgroup_rules),
                ..ResourcesOut::new(host.resources, host.ulimits)
            },
            mounts: host.mounts.into_iter().map(mount).collect(),
            masked_paths: host.masked_paths,
            readonly_paths: host.readonly_paths,
            init: host.init,
            annotations: host.annotations,
        }
    }
}

impl ResourcesOut {
    fn new(resources: Resources, ulimits: Vec<Ulimit>) -> Self {
        let rates = |devices: &[ThrottleDevice]| -> Vec<Value> {
            devices.iter().map(|device| json!({ "Path": device.path, "Rate": device.rate })).collect()
        };
        Self {
            cpu_shares: resources.cpu_shares.unwrap_or(0),
            memory: resources.memory.unwrap_or(0),
            nano_cpus: resources.nano_cpus.unwrap_or(0),
            cgroup_parent: String::new(),
            blkio_weight: resources.blkio_weight.unwrap_or(0),
            blkio_weight_device: resources
                .blkio_weight_devices
                .iter()
                .map(|device| json!({ "Path": device.path, "Weight": device.weight }))
                .collect(),
            blkio_device_read_bps: rates(&resources.blkio_read_bps),
            blkio_device_write_bps: rates(&resources.blkio_write_bps),
            blkio_device_read_iops: rates(&resources.blkio_read_iops),
            blkio_device_write_iops: rates(&resources.blkio_write_iops),
            cpu_period: resources.cpu_period.unwrap_or(0),
            cpu_quota: resources.cpu_quota.unwrap_or(0),
            cpu_realtime_period: 0,
            cpu_realtime_runtime: 0,
            cpuset_cpus: resources.cpuset_cpus.unwrap_or_default(),
            cpuset_mems: resources.cpuset_mems.unwrap_or_default(),
            devices: vec![],
            device_cgroup_rules: None,
            device_requests: None,
            memory_reservation: resources.memory_reservation.unwrap_or(0),
            memory_swap: resources.memory_swap.unwrap_or(0),
            memory_swappiness: None,
            oom_kill_disable: None,
            pids_limit: resources.pids,
            ulimits: ulimits
                .into_iter()
                .map(|limit| UlimitOut { name: limit.name, hard: limit.hard, soft: limit.soft })
                .collect(),
            cpu_count: 0,
            cpu_percent: 0,
            io_maximum_iops: 0,
            io_maximum_bandwidth: 0,
        }
    }
}

impl From<DeviceMapping> for DeviceOut {
    fn from(device: DeviceMapping) -> Self {
        Self {
            path_on_host: device.on_host,
            path_in_container: device.in_container,
            cgroup_permissions: device.permissions,
        }
    }
}

impl From<PortBinding> for BindingOut {
    fn from(binding: PortBinding) -> Self {
        Self {
            host_ip: binding.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            host_port: match (binding.port, binding.last_port) {
                (0, _) => String::new(),
                (port, None) => port.to_string(),
                (first, Some(last)) => format!("{first}-{last}"),
            },
        }
    }
}

impl From<LogConfig> for LogOut {
    fn from(log: LogConfig) -> Self {
        Self { kind: log.driver, config: log.options }
    }
}

impl From<RestartPolicy> for RestartOut {
    fn from(policy: RestartPolicy) -> Self {
        let (name, maximum_retry_count) = match policy {
            RestartPolicy::No => ("no", 0),
            RestartPolicy::OnFailure(retries) => ("on-failure", retries),
            RestartPolicy::Always => ("always", 0),
            RestartPolicy::UnlessStopped => ("unless-stopped", 0),
        };
        Self { name, maximum_retry_count }
    }
}

/// A mount as it was asked for; what was not set is left out.
fn mount(mount: Mount) -> Value {
    let mut out = Map::new();
    let mut options = Map::new();
    out.insert("Type".to_owned(), mount_point::kind(mount.kind).into());
    if !mount.source.is_empty() {
        out.insert("Source".to_owned(), mount.source.into());
    }
    out.insert("Target".to_owned(), mount.target.into());
    if mount.read_only {
        out.insert("ReadOnly".to_owned(), true.into());
    }
    if mount.no_copy {
        options.insert("NoCopy".to_owned(), true.into());
    }
    if !mount.labels.is_empty() {
        options.insert("Labels".to_owned(), json!(mount.labels));
    }
    let mut set = |key: &str, is_set: bool| is_set.then(|| options.insert(key.to_owned(), true.into()));
    set("NonRecursive", mount.non_recursive);
    set("ReadOnlyNonRecursive", mount.read_only_reach == ReadOnlyReach::Alone);
    set("ReadOnlyForceRecursive", mount.read_only_reach == ReadOnlyReach::RecursiveOrFail);
    if !mount.propagation.is_empty() {
        options.insert("Propagation".to_owned(), mount.propagation.into());
    }
    if let Some(bytes) = mount.tmpfs_size {
        options.insert("SizeBytes".to_owned(), bytes.into());
    }
    if let Some(mode) = mount.tmpfs_mode {
        options.insert("Mode".to_owned(), mode.into());
    }
    if !options.is_empty() {
        let key = match mount.kind {
            MountKind::Bind => "BindOptions",
            MountKind::Volume => "VolumeOptions",
            MountKind::Tmpfs => "TmpfsOptions",
        };
        out.insert(key.to_owned(), options.into());
    }
    out.into()
}
