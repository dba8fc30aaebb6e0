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
        ("HostConfig.Cgroup", other_than(&host.cgroup, &[])),
        ("HostConfig.VolumeDriver", other_than(&host.volume_driver, &["local"])),
        ("HostConfig.Isolation", other_than(&host.isolation, &["default"])),
    ] {
        if given {
            return Err(not_supported(option));
        }
    }
    // Docker's sentence where the disk is ext4.
    if host.storage_opt.as_ref().is_some_and(|options| !options.is_empty()) {
        return Err(ApiError::bad_request(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
        ));
    }
    if let Some(request) = host.device_requests.iter().flatten().next() {
        let driver = request.driver.as_deref().unwrap_or_default();
        let each = |all: &Vec<String>| format!("[{}]", all.join(" "));
        let capabilities: Vec<String> = request.capabilities.iter().flatten().map(each).collect();
        return Err(ApiError::bad_request(format!(
            "could not select device driver {driver:?} with capabilities: [{}]",
            capabilities.join(" ")
        )));
    }
    if other_than(&host.runtime, &[RUNTIME, "runc", "io.containerd.runc.v2"]) {
        let name = host.runtime.as_deref().unwrap_or_default();
        return Err(ApiError::bad_request(format!("unknown or invalid runtime name: {name}")));
    }
    // Docker's own words: control groups version 2 have no such switches.
    Ok([
        (
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
            host.memory_swappiness.is_some_and(|value| value != -1),
        ),
        ("Your kernel does not support OomKillDisable. OomKillDisable discarded.", host.oom_kill_disable == Some(true)),
    ]
    .into_iter()
    .filter(|(_, given)| *given)
    .map(|(warning, _)| warning.to_owned())
    .collect())
}

fn other_than(text: &Option<String>, usual: &[&str]) -> bool {
    text.as_deref().is_some_and(|text| !text.is_empty() && !usual.contains(&text))
}
