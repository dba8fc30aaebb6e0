//! How much a container may take: docker's options of processors, memory, processes and block devices.

use crate::error::Error;
use bollard::models::{ContainerUpdateBody, HostConfig, ResourcesBlkioWeightDevice, ThrottleDevice};
use serde::{Deserialize, Serialize};

/// Limits that can be set at the start and changed alive; `None` is no limit there, and what it was here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Relative weight of its block I/O, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Microseconds.
    pub cpu_period: Option<i64>,
    /// Microseconds per period.
    pub cpu_quota: Option<i64>,
    /// Microseconds, for the engine to refuse.
    pub cpu_rt_period: Option<i64>,
    /// Microseconds, for the engine to refuse.
    pub cpu_rt_runtime: Option<i64>,
    /// Relative weight of its processes.
    pub cpu_shares: Option<i64>,
    /// Billionths of a processor.
    pub nano_cpus: Option<i64>,
    /// `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// `0-2,7`.
    pub cpuset_mems: Option<String>,
    /// Bytes.
    pub memory: Option<i64>,
    /// Bytes.
    pub memory_reservation: Option<i64>,
    /// Memory and swap, bytes; -1 is no limit.
    pub memory_swap: Option<i64>,
    /// Processes; -1 is no limit.
    pub pids_limit: Option<i64>,
}

/// What single block devices of the machine give, by their path. It is set at the start only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRates {
    /// Relative weights, 10 to 1000; 0 is the default.
    pub weights: Vec<(String, u16)>,
    /// Bytes a second.
    pub read_bps: Vec<(String, i64)>,
    /// Bytes a second.
    pub write_bps: Vec<(String, i64)>,
    /// Operations a second.
    pub read_iops: Vec<(String, i64)>,
    /// Operations a second.
    pub write_iops: Vec<(String, i64)>,
}

/// `/dev/vda:1mb`, a device and bytes a second.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn bytes_per_second(text: &str) -> Result<(String, i64), Error> {
    let (device, rate) = of_device(text)?;
    let rate = super::quantity::bytes(rate).map_err(|_| {
        Error::Invalid(format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        ))
    })?;
    Ok((device, rate))
}

/// `/dev/vda:100`, a device and operations a second.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn operations_per_second(text: &str) -> Result<(String, i64), Error> {
    let (device, rate) = of_device(text)?;
    let rate = rate.parse::<u32>().map_err(|_| {
        Error::Invalid(format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer"
        ))
    })?;
    Ok((device, rate.into()))
}

/// `/dev/vda:500`, a device and its relative weight.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn weight(text: &str) -> Result<(String, u16), Error> {
    let (device, weight) = of_device(text)?;
    let weight = weight.parse().ok().filter(|weight| *weight == 0 || (10..=1000).contains(weight));
    Ok((device, weight.ok_or_else(|| Error::Invalid(format!("invalid weight for device: {text}")))?))
}

fn of_device(text: &str) -> Result<(String, &str), Error> {
    let pair = text.split_once(':').filter(|(device, value)| !device.is_empty() && !value.is_empty());
    let (device, value) = pair.ok_or_else(|| Error::Invalid(format!("bad format: {text}")))?;
    if !device.starts_with("/dev/") {
        return Err(Error::Invalid(format!("bad format for device path: {text}")));
    }
    Ok((device.to_owned(), value))
}

impl Limits {
    /// Puts them into a create body.
    pub(super) fn enter(&self, host: &mut HostConfig) {
        let Self { cpuset_cpus, cpuset_mems, .. } = self.clone();
        host.blkio_weight = self.blkio_weight;
        host.cpu_period = self.cpu_period;
        host.cpu_quota = self.cpu_quota;
        host.cpu_realtime_period = self.cpu_rt_period;
        host.cpu_realtime_runtime = self.cpu_rt_runtime;
        host.cpu_shares = self.cpu_shares;
        host.nano_cpus = self.nano_cpus;
        host.cpuset_cpus = cpuset_cpus;
        host.cpuset_mems = cpuset_mems;
        host.memory = self.memory;
        host.memory_reservation = self.memory_reservation;
        host.memory_swap = self.memory_swap;
        host.pids_limit = self.pids_limit;
    }

    /// The body of an update that changes nothing else.
    pub(crate) fn update(&self) -> ContainerUpdateBody {
        let Self { cpuset_cpus, cpuset_mems, .. } = self.clone();
        ContainerUpdateBody {
            blkio_weight: self.blkio_weight,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_realtime_period: self.cpu_rt_period,
            cpu_realtime_runtime: self.cpu_rt_runtime,
            cpu_shares: self.cpu_shares,
            nano_cpus: self.nano_cpus,
            cpuset_cpus,
            cpuset_mems,
            memory: self.memory,
            memory_reservation: self.memory_reservation,
            memory_swap: self.memory_swap,
            pids_limit: self.pids_limit,
            ..Default::default()
        }
    }
}

impl DeviceRates {
    /// Puts them into a create body.
    pub(super) fn enter(&self, host: &mut HostConfig) {
        let rates = |list: &[(String, i64)]| {
            let rates = list.iter().cloned().map(|(path, rate)| ThrottleDevice { path: Some(path), rate: Some(rate) });
            (!list.is_empty()).then(|| rates.collect())
        };
        let weights = self
            .weights
            .iter()
            .cloned()
            .map(|(path, weight)| ResourcesBlkioWeightDevice { path: Some(path), weight: Some(weight.into()) });
        host.blkio_weight_device = (!self.weights.is_empty()).then(|| weights.collect());
        host.blkio_device_read_bps = rates(&self.read_bps);
        host.blkio_device_write_bps = rates(&self.write_bps);
        host.blkio_device_read_iops = rates(&self.read_iops);
        host.blkio_device_write_iops = rates(&self.write_iops);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunRequest;

    #[test]
    fn devices_come_with_a_rate_or_a_weight() {
        assert_eq!(bytes_per_second("/dev/vda:1mb").unwrap(), ("/dev/vda".to_owned(), 1 << 20));
        assert_eq!(operations_per_second("/dev/vda:100").unwrap(), ("/dev/vda".to_owned(), 100));
        assert_eq!(weight("/dev/vda:0").unwrap(), ("/dev/vda".to_owned(), 0));
        let refused = |error: Error| error.to_string();
        assert_eq!(refused(bytes_per_second("/dev/vda").unwrap_err()), "bad format: /dev/vda");
        assert_eq!(refused(weight("vda:10").unwrap_err()), "bad format for device path: vda:10");
        assert_eq!(refused(weight("/dev/vda:9").unwrap_err()), "invalid weight for device: /dev/vda:9");
        assert!(refused(bytes_per_second("/dev/vda:fast").unwrap_err()).contains("can be kb, mb, or gb"));
        assert!(refused(operations_per_second("/dev/vda:1mb").unwrap_err()).ends_with("a positive integer"));
    }

    #[test]
    fn they_are_in_the_body_as_docker_sends_them() {
        let limits = Limits { cpu_shares: Some(512), memory_swap: Some(-1), ..Limits::default() };
        let device_rates = DeviceRates {
            weights: vec![("/dev/vda".into(), 500)],
            write_bps: vec![("/dev/vda".into(), 1)],
            ..DeviceRates::default()
        };
        let request = RunRequest { limits, device_rates, ..RunRequest::default() };
        let host = serde_json::to_value(request.body().unwrap()).unwrap()["HostConfig"].clone();
        assert_eq!((&host["CpuShares"], &host["MemorySwap"]), (&512.into(), &(-1).into()));
        assert_eq!(host["BlkioDeviceWriteBps"], serde_json::json!([{ "Path": "/dev/vda", "Rate": 1 }]));
        assert_eq!(host["BlkioWeightDevice"], serde_json::json!([{ "Path": "/dev/vda", "Weight": 500 }]));
        assert!(host.get("Memory").is_none() && host.get("BlkioDeviceReadBps").is_none(), "{host}");
    }
}
