//! The half of a request that belongs to this machine.

use super::{
    config::{self, Words},
    mounts::{self, MountIn},
    resources::{self, RateIn, WeightIn},
};
use crate::error::{ApiError, Reply};
use berth_engine::{
    ContainerPort,
    container::{DeviceMapping, HostConfig, LogConfig, NetworkMode, PortBinding, RestartPolicy, Ulimit},
};
use serde::{Deserialize, de::IgnoredAny};
use std::{collections::BTreeMap, net::IpAddr};

/// Docker's `HostConfig`, with the fields that the engine takes and those that [`super::unsupported`] looks at.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in crate::containers) struct HostIn {
    binds: Option<Vec<String>>,
    mounts: Option<Vec<MountIn>>,
    tmpfs: Option<BTreeMap<String, String>>,
    port_bindings: Option<BTreeMap<String, Option<Vec<BindingIn>>>>,
    publish_all_ports: Option<bool>,
    auto_remove: Option<bool>,
    pub(super) restart_policy: Option<RestartIn>,
    pub(super) network_mode: Option<String>,
    pub(super) memory: Option<i64>,
    pub(super) memory_swap: Option<i64>,
    pub(super) memory_reservation: Option<i64>,
    pub(super) nano_cpus: Option<i64>,
    pub(super) cpu_shares: Option<i64>,
    pub(super) cpu_quota: Option<i64>,
    pub(super) cpu_period: Option<i64>,
    pub(super) cpuset_cpus: Option<String>,
    pub(super) cpuset_mems: Option<String>,
    pub(super) pids_limit: Option<i64>,
    cap_add: Option<Words>,
    cap_drop: Option<Words>,
    privileged: Option<bool>,
    readonly_rootfs: Option<bool>,
    security_opt: Option<Vec<String>>,
    ulimits: Option<Vec<UlimitIn>>,
    sysctls: Option<BTreeMap<String, String>>,
    shm_size: Option<i64>,
    oom_score_adj: Option<i32>,
    init: Option<bool>,
    extra_hosts: Option<Vec<String>>,
    dns: Option<Vec<String>>,
    dns_search: Option<Vec<String>>,
    dns_options: Option<Vec<String>>,
    group_add: Option<Vec<String>>,
    log_config: Option<LogIn>,
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    ipc_mode: Option<String>,
    pid_mode: Option<String>,
    #[serde(rename = "UTSMode")]
    uts_mode: Option<String>,
    cgroupns_mode: Option<String>,

    userns_mode: Option<String>,
    cgroup_parent: Option<String>,
    devices: Option<Vec<DeviceIn>>,
    device_cgroup_rules: Option<Vec<String>>,
    volumes_from: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,

    links: Option<Vec<String>>,
    pub(super) device_requests: Option<Vec<DeviceRequestIn>>,
    pub(super) storage_opt: Option<BTreeMap<String, IgnoredAny>>,
    pub(super) cgroup: Option<String>,
    pub(super) volume_driver: Option<String>,
    pub(super) isolation: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) blkio_weight: Option<u16>,
    pub(super) blkio_weight_device: Option<Vec<WeightIn>>,
    pub(super) blkio_device_read_bps: Option<Vec<RateIn>>,
    pub(super) blkio_device_write_bps: Option<Vec<RateIn>>,
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub(super) blkio_device_read_iops: Option<Vec<RateIn>>,
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub(super) blkio_device_write_iops: Option<Vec<RateIn>>,
    pub(super) memory_swappiness: Option<i64>,
    pub(super) oom_kill_disable: Option<bool>,
    pub(super) cpu_realtime_period: Option<i64>,
    pub(super) cpu_realtime_runtime: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct BindingIn {
    host_ip: Option<String>,
    host_port: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct RestartIn {
    pub(super) name: Option<String>,
    maximum_retry_count: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UlimitIn {
    name: String,
    soft: Option<i64>,
    hard: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DeviceIn {
    path_on_host: Option<String>,
    path_in_container: Option<String>,
    cgroup_permissions: Option<String>,
}

/// What `--gpus` sends.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct DeviceRequestIn {
    pub(super) driver: Option<String>,
    pub(super) capabilities: Option<Vec<Vec<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct LogIn {
    #[serde(rename = "Type")]
    kind: Option<String>,
    config: Option<BTreeMap<String, String>>,
}

/// As the engine takes it.
///
/// # Errors
/// What makes no sense in itself; the engine judges the whole.
pub(super) fn read(mut asked: HostIn, network_mode: NetworkMode) -> Reply<HostConfig> {
    let resources = resources::read(&mut asked)?;
    Ok(HostConfig {
        binds: asked.binds.unwrap_or_default(),
        mounts: asked.mounts.unwrap_or_default().into_iter().map(mounts::read).collect::<Reply<_>>()?,
        tmpfs: asked.tmpfs.unwrap_or_default(),
        port_bindings: port_bindings(asked.port_bindings.unwrap_or_default())?,
        publish_all_ports: asked.publish_all_ports.unwrap_or_default(),
        auto_remove: asked.auto_remove.unwrap_or_default(),
        restart_policy: restart_policy(asked.restart_policy.unwrap_or_default())?,
        network_mode,
        resources,
        cap_add: asked.cap_add.map(Vec::from).unwrap_or_default(),
        cap_drop: asked.cap_drop.map(Vec::from).unwrap_or_default(),
        privileged: asked.privileged.unwrap_or_default(),
        read_only_rootfs: asked.readonly_rootfs.unwrap_or_default(),
        security_opt: asked.security_opt.unwrap_or_default(),
        ulimits: asked.ulimits.unwrap_or_default().into_iter().map(Ulimit::from).collect(),
        sysctls: asked.sysctls.unwrap_or_default(),
        shm_size: u64::try_from(asked.shm_size.unwrap_or(0))
            .map_err(|_| ApiError::bad_request("SHM size can not be less than 0"))?,
        oom_score_adj: asked.oom_score_adj.unwrap_or_default(),
        init: asked.init,
        extra_hosts: asked.extra_hosts.unwrap_or_default(),
        dns: asked.dns.unwrap_or_default().iter().map(|text| address("Dns", text)).collect::<Reply<_>>()?,
        dns_search: asked.dns_search.unwrap_or_default(),
        dns_options: asked.dns_options.unwrap_or_default(),
        group_add: asked.group_add.unwrap_or_default(),
        log_config: log_config(asked.log_config.unwrap_or_default()),
        masked_paths: asked.masked_paths,
        readonly_paths: asked.readonly_paths,
        ipc_mode: asked.ipc_mode.unwrap_or_default(),
        pid_mode: asked.pid_mode.unwrap_or_default(),
        uts_mode: asked.uts_mode.unwrap_or_default(),
        cgroupns_mode: asked.cgroupns_mode.unwrap_or_default(),
        userns_mode: asked.userns_mode.unwrap_or_default(),
        cgroup_parent: asked.cgroup_parent.unwrap_or_default(),
        devices: asked.devices.unwrap_or_default().into_iter().map(DeviceMapping::from).collect(),
        device_cgroup_rules: asked.device_cgroup_rules.unwrap_or_default(),
        links: asked.links.unwrap_or_default(),
        volumes_from: asked.volumes_from.unwrap_or_default(),
        annotations: annotations(asked.annotations.unwrap_or_default())?,
    })
}

fn annotations(asked: BTreeMap<String, String>) -> Reply<BTreeMap<String, String>> {
    if asked.contains_key("") {
        return Err(ApiError::bad_request(
            "invalid Annotation: the empty string is not permitted as an annotation key",
        ));
    }
    Ok(asked)
}

fn port_bindings(asked: BTreeMap<String, Option<Vec<BindingIn>>>) -> Reply<BTreeMap<ContainerPort, Vec<PortBinding>>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (port, bindings) in asked {
        let mut bindings =
            bindings.unwrap_or_default().into_iter().map(binding).collect::<Reply<Vec<PortBinding>>>()?;
        if bindings.is_empty() {
            // Docker fills an empty list with "anywhere" (moby, handlePortBindingsBC).
            bindings.push(PortBinding::default());
        }
        // `80` and `80/tcp` are one port.
        all.entry(config::port(&port)?).or_default().extend(bindings);
    }
    Ok(all)
}

fn binding(asked: BindingIn) -> Reply<PortBinding> {
    let (ip, port) = (asked.host_ip.unwrap_or_default(), asked.host_port.unwrap_or_default());
    let ip = if ip.is_empty() { None } else { Some(address("HostIp", &ip)?) };
    let (port, last_port) = host_ports(&port)?;
    Ok(PortBinding { ip, port, last_port })
}

/// `8080`, or a range of which any free one will do, or nothing.
fn host_ports(text: &str) -> Reply<(u16, Option<u16>)> {
    let bad = || ApiError::bad_request(format!("invalid port specification: \"{text}\""));
    let port = |text: &str| text.parse().map_err(|_| bad());
    match text.split_once('-') {
        None if text.is_empty() => Ok((0, None)),
        None => Ok((port(text)?, None)),
        Some((first, last)) => match (port(first)?, port(last)?) {
            (first, last) if first == 0 || first > last => Err(bad()),
            (first, last) => Ok((first, (first < last).then_some(last))),
        },
    }
}

fn address(field: &str, text: &str) -> Reply<IpAddr> {
    text.parse().map_err(|_| ApiError::bad_request(format!("invalid {field}: \"{text}\" is not an IP address")))
}

/// The texts are docker's (moby, ValidateRestartPolicy).
pub(super) fn restart_policy(asked: RestartIn) -> Reply<RestartPolicy> {
    let (name, retries) = (asked.name.unwrap_or_default(), asked.maximum_retry_count.unwrap_or(0));
    if !matches!(name.as_str(), "" | "on-failure") && retries != 0 {
        let negative = if retries < 0 { " and cannot be negative" } else { "" };
        return Err(ApiError::bad_request(format!(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}"
        )));
    }
    match name.as_str() {
        "" | "no" => Ok(RestartPolicy::No),
        "always" => Ok(RestartPolicy::Always),
        "unless-stopped" => Ok(RestartPolicy::UnlessStopped),
        "on-failure" => u32::try_from(retries)
            .map(RestartPolicy::OnFailure)
            .map_err(|_| ApiError::bad_request("invalid restart policy: maximum retry count cannot be negative")),
        other => Err(ApiError::bad_request(format!(
            "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        ))),
    }
}

fn log_config(asked: LogIn) -> LogConfig {
    LogConfig { driver: asked.kind.unwrap_or_default(), options: asked.config.unwrap_or_default() }
}

impl From<UlimitIn> for Ulimit {
    fn from(asked: UlimitIn) -> Self {
        Self { name: asked.name, soft: asked.soft.unwrap_or_default(), hard: asked.hard.unwrap_or_default() }
    }
}

impl From<DeviceIn> for DeviceMapping {
    fn from(asked: DeviceIn) -> Self {
        Self {
            on_host: asked.path_on_host.unwrap_or_default(),
            in_container: asked.path_in_container.unwrap_or_default(),
            permissions: asked.cgroup_permissions.unwrap_or_default(),
        }
    }
}
