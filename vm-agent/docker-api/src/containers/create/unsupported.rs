//! Options of docker that the engine does not have. Those without which the user would get something else than they
//! asked for are refused; those that only tune are discarded with a warning.

use super::{host::HostIn, not_supported};
use crate::{
    error::{ApiError, Reply},
    system::RUNTIME,
};

/// Refuses or warns.
///
/// # Errors
/// The first option that cannot be left out in silence.
pub(super) fn check(host: &HostIn) -> Reply<Vec<String>> {
    for (option, given) in [
        ("HostConfig.Links", filled(&host.links)),
        ("HostConfig.VolumesFrom", filled(&host.volumes_from)),
        ("HostConfig.Devices", filled(&host.devices)),
        ("HostConfig.DeviceRequests", filled(&host.device_requests)),
        ("HostConfig.DeviceCgroupRules", filled(&host.device_cgroup_rules)),
        ("HostConfig.StorageOpt", host.storage_opt.as_ref().is_some_and(|options| !options.is_empty())),
        ("HostConfig.CgroupParent", other_than(&host.cgroup_parent, &[])),
        ("HostConfig.Cgroup", other_than(&host.cgroup, &[])),
        ("HostConfig.VolumeDriver", other_than(&host.volume_driver, &["local"])),
        ("HostConfig.UsernsMode", other_than(&host.userns_mode, &["host"])),
        ("HostConfig.Isolation", other_than(&host.isolation, &["default"])),
    ] {
        if given {
            return Err(not_supported(option));
        }
    }
    if other_than(&host.runtime, &[RUNTIME, "runc", "io.containerd.runc.v2"]) {
        let name = host.runtime.as_deref().unwrap_or_default();
        return Err(ApiError::bad_request(format!("unknown or invalid runtime name: {name}")));
    }
    Ok([
        ("MemorySwappiness", host.memory_swappiness.is_some_and(|value| value != -1)),
        ("OomKillDisable", host.oom_kill_disable == Some(true)),
        ("CpuRealtimePeriod", host.cpu_realtime_period.is_some_and(|value| value != 0)),
        ("CpuRealtimeRuntime", host.cpu_realtime_runtime.is_some_and(|value| value != 0)),
    ]
    .into_iter()
    .filter(|(_, given)| *given)
    // Docker's own words: control groups version 2 have no such switches.
    .map(|(option, _)| format!("Your kernel does not support {option}. {option} discarded."))
    .collect())
}

fn filled<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}

fn other_than(text: &Option<String>, usual: &[&str]) -> bool {
    text.as_deref().is_some_and(|text| !text.is_empty() && !usual.contains(&text))
}
