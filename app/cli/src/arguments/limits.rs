//! Options about how much a container may take.

use super::run::{each, named};
use crate::failure::Failure;
use berth_api::run::{
    limits::{DeviceRates, Limits, bytes_per_second, operations_per_second, weight},
    quantity,
};
use clap::Args;

/// Those of `run`, `create` and `update`.
#[derive(Debug, Args)]
pub(crate) struct LimitOptions {
    /// Relative weight of its block I/O, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
    /// The period its processor quota counts in, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<i64>,
    /// How long it may compute in each period, microseconds
    #[arg(long, allow_negative_numbers = true, value_name = "MICROSECONDS")]
    cpu_quota: Option<i64>,
    /// The period of its real-time scheduling, microseconds; the machine's kernel has none
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<i64>,
    /// How long it may run in real time in each period, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_runtime: Option<i64>,
    /// Relative weight of its processes, 1024 is normal
    #[arg(short, long, value_name = "SHARES")]
    cpu_shares: Option<i64>,
    /// Limit its processors, such as 1.5
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<String>,
    /// The processors it may use, such as 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// The memory nodes it may use, such as 0,1
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Limit its memory, such as 512m
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<String>,
    /// Memory kept for it under pressure
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<String>,
    /// Limit its memory and swap together; -1 for no limit on swap
    #[arg(long, allow_hyphen_values = true, value_name = "BYTES")]
    memory_swap: Option<String>,
    /// Limit its processes; -1 for no limit
    #[arg(long, allow_negative_numbers = true, value_name = "NUMBER")]
    pids_limit: Option<i64>,
}

/// Those of `run` and `create` only.
#[derive(Debug, Args)]
pub(crate) struct DeviceRateOptions {
    /// Relative weight of its I/O on a device: DEVICE:WEIGHT
    #[arg(long, value_name = "DEVICE:WEIGHT")]
    blkio_weight_device: Vec<String>,
    /// Limit its reading from a device, such as /dev/vda:10mb
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_read_bps: Vec<String>,
    /// Limit its writing to a device, such as /dev/vda:10mb
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_write_bps: Vec<String>,
    /// Limit its reads from a device in a second
    #[arg(long, value_name = "DEVICE:NUMBER")]
    device_read_iops: Vec<String>,
    /// Limit its writes to a device in a second
    #[arg(long, value_name = "DEVICE:NUMBER")]
    device_write_iops: Vec<String>,
}

impl LimitOptions {
    /// As the engine is asked.
    ///
    /// # Errors
    /// An amount that is none, in docker's words.
    pub(super) fn read(&self) -> Result<Limits, Failure> {
        let bytes = |text: &Option<String>, option| {
            text.as_deref().map(|text| named(text, option, quantity::bytes)).transpose()
        };
        let memory_swap = match self.memory_swap.as_deref() {
            Some("-1") => Some(-1),
            _ => bytes(&self.memory_swap, "--memory-swap")?,
        };
        Ok(Limits {
            blkio_weight: self.blkio_weight,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_rt_period: self.cpu_rt_period,
            cpu_rt_runtime: self.cpu_rt_runtime,
            cpu_shares: self.cpu_shares,
            nano_cpus: self.cpus.as_deref().map(|text| named(text, "--cpus", quantity::nano_cpus)).transpose()?,
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            memory: bytes(&self.memory, "-m, --memory")?,
            memory_reservation: bytes(&self.memory_reservation, "--memory-reservation")?,
            memory_swap,
            pids_limit: self.pids_limit,
        })
    }
}

impl DeviceRateOptions {
    /// As the engine is asked.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(super) fn read(&self) -> Result<DeviceRates, Failure> {
        Ok(DeviceRates {
            weights: each(&self.blkio_weight_device, "--blkio-weight-device", weight)?,
            read_bps: each(&self.device_read_bps, "--device-read-bps", bytes_per_second)?,
            write_bps: each(&self.device_write_bps, "--device-write-bps", bytes_per_second)?,
            read_iops: each(&self.device_read_iops, "--device-read-iops", operations_per_second)?,
            write_iops: each(&self.device_write_iops, "--device-write-iops", operations_per_second)?,
        })
    }
}
