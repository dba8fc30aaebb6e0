//! The options as fields of the Docker Engine API's `HostConfig`.

use super::{Isolation, MountSpec};
use bollard::models::{
    DeviceMapping, HostConfig, HostConfigCgroupnsModeEnum, Mount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountTmpfsOptions, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig, ResourcesUlimits,
};

impl Isolation {
    /// Enters what is asked for into `host`; the rest of it stays.
    pub(in crate::run) fn enter(&self, host: &mut HostConfig) {
        host.privileged = Some(self.privileged);
        host.init = self.init;
        host.pid_mode.clone_from(&self.pid);
        host.ipc_mode.clone_from(&self.ipc);
        host.uts_mode.clone_from(&self.uts);
        host.userns_mode.clone_from(&self.userns);
        host.cgroupns_mode = self.cgroupns.as_deref().map(|mode| match mode {
            "host" => HostConfigCgroupnsModeEnum::HOST,
            _ => HostConfigCgroupnsModeEnum::PRIVATE,
        });
        host.cgroup_parent.clone_from(&self.cgroup_parent);
        host.cap_add = some(&self.cap_add);
        host.cap_drop = some(&self.cap_drop);
        host.security_opt = some(&self.security_opt);
        if self.open_system_paths {
            (host.masked_paths, host.readonly_paths) = (Some(vec![]), Some(vec![]));
        }
        host.devices = some(&self.devices).map(|devices| {
            let mapping = |device: super::DeviceSpec| DeviceMapping {
                path_on_host: Some(device.on_host),
                path_in_container: Some(device.in_container),
                cgroup_permissions: Some(device.permissions),
            };
            devices.into_iter().map(mapping).collect()
        });
        host.device_cgroup_rules = some(&self.device_cgroup_rules);
        host.volumes_from = some(&self.volumes_from);
        host.mounts = some(&self.mounts).map(|mounts| mounts.into_iter().map(Mount::from).collect());
        host.tmpfs = some(&self.tmpfs).map(|all| all.into_iter().collect());
        host.shm_size = self.shm_size;
        host.ulimits = some(&self.ulimits).map(|limits| {
            let limit = |limit: super::UlimitSpec| ResourcesUlimits {
                name: Some(limit.name),
                soft: Some(limit.soft),
                hard: Some(limit.hard),
            };
            limits.into_iter().map(limit).collect()
        });
        host.sysctls = some(&self.sysctls).map(|all| all.into_iter().collect());
        host.oom_score_adj = self.oom_score_adj.map(i64::from);
        host.extra_hosts = some(&self.extra_hosts);
        host.dns = some(&self.dns).map(|all| all.iter().map(ToString::to_string).collect());
        host.dns_search = some(&self.dns_search);
        host.dns_options = some(&self.dns_options);
        host.group_add = some(&self.group_add);
        host.storage_opt = some(&self.storage_opt).map(|all| all.into_iter().collect());
        host.links = some(&self.links);
        host.annotations = some(&self.annotations).map(|all| all.into_iter().collect());
        host.runtime.clone_from(&self.runtime);
        host.volume_driver.clone_from(&self.volume_driver);
        host.memory_swappiness = self.memory_swappiness;
        host.oom_kill_disable = self.oom_kill_disable.then_some(true);
        host.device_requests = some(&self.gpus).map(|all| all.into_iter().map(Into::into).collect());
    }
}

impl From<MountSpec> for Mount {
    fn from(spec: MountSpec) -> Self {
        let set = |is_set: bool| is_set.then_some(true);
        let kind = match spec.kind.as_str() {
            "bind" => MountType::BIND,
            "tmpfs" => MountType::TMPFS,
            "image" => MountType::IMAGE,
            "npipe" => MountType::NPIPE,
            "cluster" => MountType::CLUSTER,
            _ => MountType::VOLUME,
        };
        let volume_options = spec.has_volume_options().then(|| MountVolumeOptions {
            no_copy: set(spec.no_copy),
            labels: some(&spec.labels).map(|labels| labels.into_iter().collect()),
            subpath: spec.subpath.clone(),
            driver_config: (spec.driver.is_some() || !spec.driver_options.is_empty()).then(|| {
                MountVolumeOptionsDriverConfig {
                    name: spec.driver.clone(),
                    options: some(&spec.driver_options).map(|options| options.into_iter().collect()),
                }
            }),
        });
        Self {
            typ: Some(kind),
            source: Some(spec.source).filter(|source| !source.is_empty()),
            target: Some(spec.target),
            read_only: set(spec.read_only),
            bind_options: (spec.propagation.is_some() || spec.non_recursive || spec.recursive.is_some()).then(|| {
                MountBindOptions {
                    propagation: spec.propagation.as_deref().and_then(propagation),
                    non_recursive: set(spec.non_recursive),
                    read_only_non_recursive: set(spec.recursive.as_deref() == Some("writable")),
                    read_only_force_recursive: set(spec.recursive.as_deref() == Some("readonly")),
                    ..Default::default()
                }
            }),
            volume_options,
            tmpfs_options: (spec.tmpfs_size.is_some() || spec.tmpfs_mode.is_some()).then(|| MountTmpfsOptions {
                size_bytes: spec.tmpfs_size,
                mode: spec.tmpfs_mode,
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

fn propagation(kind: &str) -> Option<MountBindOptionsPropagationEnum> {
    use MountBindOptionsPropagationEnum as Kind;
    Some(match kind {
        "private" => Kind::PRIVATE,
        "rprivate" => Kind::RPRIVATE,
        "shared" => Kind::SHARED,
        "rshared" => Kind::RSHARED,
        "slave" => Kind::SLAVE,
        "rslave" => Kind::RSLAVE,
        _ => return None,
    })
}

fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}
