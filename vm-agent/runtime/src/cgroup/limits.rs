//! `linux.resources` as values of cgroup v2 files (Linux Documentation/admin-guide/cgroup-v2.rst).

use std::{borrow::Cow, fmt::Display, fs, io::ErrorKind, path::Path};

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

use crate::failure::{Context, Failure};

const IO_WEIGHT: &str = "io.weight";

/// One file to write.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Setting {
    file: Cow<'static, str>,
    value: String,
}

impl Setting {
    fn new(file: impl Into<Cow<'static, str>>, value: impl Display) -> Self {
        Self { file: file.into(), value: value.to_string() }
    }

    /// Writes it in the cgroup `directory`.
    pub(super) fn write(&self, directory: &Path) -> Result<(), Failure> {
        let (file, value) = (&self.file, &self.value);
        match fs::OpenOptions::new().write(true).open(directory.join(file.as_ref())) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let controller = file.split('.').next().unwrap_or_default();
                Err(Failure::other(format!(
                    "cannot set {file}: the cgroup controller {controller} is not available; remove the limit"
                )))
            }
            result => result
                .and_then(|mut file| std::io::Write::write_all(&mut file, value.as_bytes()))
                .context(format_args!("set {file} to {value}")),
        }
    }
}

/// The block weights of the I/O scheduler BFQ, where it is loaded.
pub(super) const BFQ_WEIGHT: &str = "io.bfq.weight";

/// The files to write for `resources`, in order. `bfq` says whether [`BFQ_WEIGHT`] is there: as in runc, it is then the
/// one that holds block weights.
///
/// # Errors
/// Values that contradict each other.
pub(super) fn settings(resources: &LinuxResources, bfq: bool) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    if let Some(cpu) = resources.cpu() {
        settings.extend(of_cpu(cpu));
    }
    if let Some(memory) = resources.memory() {
        settings.extend(of_memory(memory)?);
    }
    if let Some(pids) = resources.pids() {
        settings.push(Setting::new("pids.max", or_max(pids.limit(), 1)));
    }
    if let Some(io) = resources.block_io() {
        settings.extend(of_io(io, bfq));
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        settings.push(Setting::new(format!("hugetlb.{}.max", limit.page_size()), or_max(limit.limit(), 0)));
    }
    for (file, value) in resources.unified().iter().flatten() {
        if file.contains('/') || file.starts_with("cgroup.") || !file.contains('.') {
            return Err(Failure::other(format!("linux.resources.unified: {file:?} is not a controller's file")));
        }
        settings.push(Setting::new(file.clone(), value));
    }
    Ok(settings)
}

fn of_cpu(cpu: &LinuxCpu) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(idle) = cpu.idle() {
        settings.push(Setting::new("cpu.idle", idle));
    }
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
        settings.push(Setting::new("cpu.weight", weight_of_shares(shares)));
    }
    if cpu.quota().is_some() || cpu.period().is_some() {
        let quota = or_max(cpu.quota().unwrap_or(-1), 1);
        // cgroup v1's default, and v2's: 100 ms.
        let period = cpu.period().filter(|period| *period != 0).unwrap_or(100_000);
        settings.push(Setting::new("cpu.max", format!("{quota} {period}")));
    }
    if let Some(burst) = cpu.burst() {
        settings.push(Setting::new("cpu.max.burst", burst));
    }
    for (file, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
            settings.push(Setting::new(file, list));
        }
    }
    settings
}

/// Maps cgroup v1's shares (2 to 262144, default 1024) to v2's weight (1 to 10000, default 100) so that least, default
/// and most meet, as runc and crun do since 2025 (opencontainers/cgroups, `ConvertCPUSharesToCgroupV2Value`): the
/// straight line of before gave a container with the default shares less than half of what one without any has.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "1 to 10000")]
fn weight_of_shares(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            10_f64.powf(exponent).ceil() as u64
        }
    }
}

fn of_memory(memory: &LinuxMemory) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    // The bundle's swap limit counts memory and swap together, the kernel's swap alone.
    match (memory.limit().filter(|limit| *limit != 0), memory.swap().filter(|swap| *swap != 0)) {
        (Some(limit), Some(swap)) if limit > 0 && swap > 0 => {
            let swap = u64::try_from(swap - limit)
                .map_err(|_| Failure::other(format!("memory+swap limit {swap} is below the memory limit {limit}")))?;
            settings.push(Setting::new("memory.swap.max", swap));
        }
        (_, Some(-1)) => settings.push(Setting::new("memory.swap.max", "max")),
        (None, Some(_)) => {
            return Err(Failure::other("a swap limit needs a memory limit; set linux.resources.memory.limit"));
        }
        _ => {}
    }
    if let Some(limit) = memory.limit().filter(|limit| *limit != 0) {
        settings.push(Setting::new("memory.max", or_max(limit, 1)));
    }
    if let Some(reservation) = memory.reservation().filter(|reservation| *reservation != 0) {
        settings.push(Setting::new("memory.low", or_max(reservation, 1)));
    }
    Ok(settings)
}

fn of_io(io: &LinuxBlockIo, bfq: bool) -> Vec<Setting> {
    let mut settings = Vec::new();
    // BFQ has version 1's scale.
    let (file, scaled): (_, fn(u16) -> u64) =
        if bfq { (BFQ_WEIGHT, u64::from) } else { (IO_WEIGHT, weight_of_block_io) };
    if let Some(weight) = io.weight().filter(|weight| *weight != 0) {
        settings.push(Setting::new(file, scaled(weight)));
    }
    for device in io.weight_device().iter().flatten() {
        if let Some(weight) = device.weight().filter(|weight| *weight != 0) {
            let (major, minor) = (device.major(), device.minor());
            settings.push(Setting::new(file, format!("{major}:{minor} {}", scaled(weight))));
        }
    }
    let mut throttle = |key: &str, devices: &Option<Vec<LinuxThrottleDevice>>| {
        for device in devices.iter().flatten() {
            let rate = if device.rate() == 0 { "max".to_owned() } else { device.rate().to_string() };
            settings.push(Setting::new("io.max", format!("{}:{} {key}={rate}", device.major(), device.minor())));
        }
    };
    throttle("rbps", io.throttle_read_bps_device());
    throttle("wbps", io.throttle_write_bps_device());
    throttle("riops", io.throttle_read_iops_device());
    throttle("wiops", io.throttle_write_iops_device());
    settings
}

/// Maps cgroup v1's block weight (10 to 1000) to v2's (1 to 10000) as runc and crun do.
fn weight_of_block_io(weight: u16) -> u64 {
    1 + (u64::from(weight.clamp(10, 1000)) - 10) * 9999 / 990
}

/// `max` for a limit below the least meaningful one: "unlimited" is written -1, and 0 where it makes no sense.
fn or_max(limit: i64, least: i64) -> String {
    if limit < least { "max".to_owned() } else { limit.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(json: &str) -> Vec<String> {
        let settings = settings(&serde_json::from_str(json).unwrap(), false).unwrap();
        settings.iter().map(|setting| format!("{}={}", setting.file, setting.value)).collect()
    }

    #[test]
    fn limits_as_docker_gives_them() {
        let all = r#"{"cpu":{"shares":1024,"quota":150000,"period":100000,"cpus":"0-1"},
            "memory":{"limit":536870912,"swap":1073741824,"reservation":268435456},"pids":{"limit":100},
            "blockIO":{"weight":500,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1048576}]}}"#;
        assert_eq!(
            rendered(all),
            [
                "cpu.weight=100",
                "cpu.max=150000 100000",
                "cpuset.cpus=0-1",
                "memory.swap.max=536870912",
                "memory.max=536870912",
                "memory.low=268435456",
                "pids.max=100",
                "io.weight=4950",
                "io.max=8:0 rbps=1048576",
            ]
        );
    }

    #[test]
    fn unlimited_is_max_and_unset_is_left_alone() {
        let unlimited = r#"{"cpu":{"quota":-1,"shares":0},"memory":{"limit":-1,"swap":-1},"pids":{"limit":-1}}"#;
        assert_eq!(
            rendered(unlimited),
            ["cpu.max=max 100000", "memory.swap.max=max", "memory.max=max", "pids.max=max"]
        );
        assert_eq!(rendered(r#"{"memory":{"limit":0,"swap":0}}"#), Vec::<String>::new());
        assert_eq!((weight_of_shares(2), weight_of_shares(262_144), weight_of_shares(u64::MAX)), (1, 10_000, 10_000));
        assert_eq!((weight_of_block_io(10), weight_of_block_io(1000)), (1, 10_000));
    }

    #[test]
    fn weights_meet_at_the_least_the_default_and_the_most() {
        for (shares, weight) in [(3, 2), (512, 59), (1024, 100), (2048, 174), (262_143, 10_000)] {
            assert_eq!(weight_of_shares(shares), weight, "{shares}");
        }
        let weights: LinuxResources =
            serde_json::from_str(r#"{"blockIO":{"weight":300,"weightDevice":[{"major":8,"minor":16,"weight":20}]}}"#)
                .unwrap();
        let lines = |bfq| -> Vec<String> {
            let settings = settings(&weights, bfq).unwrap();
            settings.iter().map(|setting| format!("{}={}", setting.file, setting.value)).collect()
        };
        assert_eq!(lines(true), ["io.bfq.weight=300", "io.bfq.weight=8:16 20"]);
        assert_eq!(lines(false), ["io.weight=2930", "io.weight=8:16 102"]);
    }

    #[test]
    fn contradictions_and_strange_files_are_refused() {
        for refused in [
            r#"{"memory":{"limit":100,"swap":50}}"#,
            r#"{"memory":{"swap":50}}"#,
            r#"{"unified":{"../x.max":"1"}}"#,
            r#"{"unified":{"cgroup.procs":"1"}}"#,
        ] {
            assert!(settings(&serde_json::from_str(refused).unwrap(), false).is_err(), "{refused}");
        }
        assert_eq!(rendered(r#"{"unified":{"memory.high":"5"}}"#), ["memory.high=5"]);
    }
}
