//! How much a container may use, and what of it changes while it lives.

use super::{Definition, Live, RestartPolicy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How much a container may use. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Bytes, at least 6 MiB.
    pub memory: Option<u64>,
    /// Memory and swap together, bytes; -1 is no limit on swap.
    pub memory_swap: Option<i64>,
    /// Bytes kept for it under pressure.
    pub memory_reservation: Option<u64>,
    /// Processors in billionths: 1.5 processors is 1,500,000,000.
    pub nano_cpus: Option<u64>,
    /// Relative weight, 2 to 262144, 1024 is normal.
    pub cpu_shares: Option<u64>,
    /// Microseconds of a processor per period; negative is no limit.
    pub cpu_quota: Option<i64>,
    /// Microseconds.
    pub cpu_period: Option<u64>,
    /// `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// `0-2,7`.
    pub cpuset_mems: Option<String>,
    /// Number of processes and threads; 0 and negative are no limit.
    pub pids: Option<i64>,
    /// Relative weight of its block I/O, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// The same for one device.
    pub blkio_weight_devices: Vec<WeightDevice>,
    /// Bytes read per second.
    pub blkio_read_bps: Vec<ThrottleDevice>,
    /// Bytes written per second.
    pub blkio_write_bps: Vec<ThrottleDevice>,
    /// Reads per second.
    pub blkio_read_iops: Vec<ThrottleDevice>,
    /// Writes per second.
    pub blkio_write_iops: Vec<ThrottleDevice>,
}

/// The weight of one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightDevice {
    /// The device's file in the machine, such as `/dev/vda`.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// The rate of one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleDevice {
    /// The device's file in the machine, such as `/dev/vda`.
    pub path: String,
    /// Per second; 0 is no limit.
    pub rate: u64,
}

/// Change what may be changed of a container. What is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateContainer {
    /// Limits; the block devices' are not changed, as in docker.
    pub resources: Resources,
    /// What to do when it ends by itself.
    pub restart_policy: Option<RestartPolicy>,
}

/// What a container's host configuration has become since it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tuning {
    pub(crate) resources: Resources,
    pub(crate) restart_policy: RestartPolicy,
}

impl Live {
    /// The restart policy that holds now.
    pub(crate) fn restart_policy(&self, definition: &Definition) -> RestartPolicy {
        self.tuning.as_ref().map_or(definition.host.restart_policy, |tuning| tuning.restart_policy)
    }
}

impl Definition {
    /// The definition with what was changed since.
    pub(crate) fn tuned(self: &Arc<Self>, live: &Live) -> Arc<Self> {
        let Some(Tuning { resources, restart_policy }) = live.tuning.clone() else { return self.clone() };
        let mut tuned = (**self).clone();
        tuned.host.resources = resources;
        tuned.host.restart_policy = restart_policy;
        Arc::new(tuned)
    }
}
