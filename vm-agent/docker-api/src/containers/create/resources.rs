//! How much a container may use, in a request that makes or updates one.

use super::host::{HostIn, restart_policy};
use crate::{
    error::{ApiError, Reply},
    version::ApiVersion,
};
use berth_engine::container::{Resources, ThrottleDevice, UpdateContainer, WeightDevice};
use serde::Deserialize;

/// A block device's weight, docker's `WeightDevice`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct WeightIn {
    path: String,
    weight: u16,
}

/// A block device's rate, docker's `ThrottleDevice`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct RateIn {
    path: String,
    rate: u64,
}

/// The limits of a host configuration. No limit on processes counts as none given.
///
/// # Errors
/// An amount below zero; real-time scheduling, which control groups version 2 do not share out (docker's words).
pub(super) fn read(asked: &mut HostIn) -> Reply<Resources> {
    let rates = |devices: &mut Option<Vec<RateIn>>| {
        let devices = devices.take().unwrap_or_default().into_iter();
        devices.map(|RateIn { path, rate }| ThrottleDevice { path, rate }).collect()
    };
    if [asked.cpu_realtime_period, asked.cpu_realtime_runtime].into_iter().flatten().any(|micros| micros != 0) {
        return Err(ApiError::bad_request("kernel does not support CPU real-time scheduler"));
    }
    let weights = asked.blkio_weight_device.take().unwrap_or_default().into_iter();
    Ok(Resources {
        memory: amount("Memory", asked.memory)?,
        memory_swap: asked.memory_swap.filter(|bytes| *bytes != 0),
        memory_reservation: amount("MemoryReservation", asked.memory_reservation)?,
        nano_cpus: amount("NanoCpus", asked.nano_cpus)?,
        cpu_shares: amount("CpuShares", asked.cpu_shares)?,
        cpu_quota: asked.cpu_quota.filter(|micros| *micros != 0),
        cpu_period: amount("CpuPeriod", asked.cpu_period)?,
        cpuset_cpus: asked.cpuset_cpus.take().filter(|list| !list.is_empty()),
        cpuset_mems: asked.cpuset_mems.take().filter(|list| !list.is_empty()),
        pids: asked.pids_limit.filter(|pids| *pids > 0),
        blkio_weight: asked.blkio_weight.filter(|weight| *weight != 0),
        blkio_weight_devices: weights.map(|WeightIn { path, weight }| WeightDevice { path, weight }).collect(),
        blkio_read_bps: rates(&mut asked.blkio_device_read_bps),
        blkio_write_bps: rates(&mut asked.blkio_device_write_bps),
        blkio_read_iops: rates(&mut asked.blkio_device_read_iops),
        blkio_write_iops: rates(&mut asked.blkio_device_write_iops),
    })
}

/// What an update changes; an empty name of a restart policy changes none.
///
/// # Errors
/// As [`read`], and a restart policy that makes no sense.
pub(in crate::containers) fn read_update(mut asked: HostIn, version: ApiVersion) -> Reply<UpdateContainer> {
    // Clients before 1.40 sent the number whether it was asked for or not (moby `postContainerUpdate`).
    let pids = asked.pids_limit.filter(|_| version.at_least(40));
    let policy = asked.restart_policy.take().filter(|policy| policy.name.as_deref().is_some_and(|n| !n.is_empty()));
    Ok(UpdateContainer {
        resources: Resources { pids, ..read(&mut asked)? },
        restart_policy: policy.map(restart_policy).transpose()?,
    })
}

/// 0 is docker's "no limit" here.
fn amount(field: &str, asked: Option<i64>) -> Reply<Option<u64>> {
    let amount = u64::try_from(asked.unwrap_or(0))
        .map_err(|_| ApiError::bad_request(format!("invalid {field}: it cannot be negative")))?;
    Ok((amount > 0).then_some(amount))
}
