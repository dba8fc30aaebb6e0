//! The files of a control group (Linux Documentation/admin-guide/cgroup-v2.rst).

use super::{CpuUsage, DeviceUsage, MemoryUsage, PidsUsage, Pressure, Stall, Usage};
use std::{collections::BTreeMap, fs, path::Path};

/// Everything a control group tells. A controller that is not there tells nothing.
pub(crate) fn read(directory: &Path, machine_memory: u64) -> Usage {
    let file = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    let limit = number(&file("memory.max")).map_or(machine_memory, |limit| limit.min(machine_memory));
    let pressure = [("cpu", "cpu.pressure"), ("memory", "memory.pressure"), ("io", "io.pressure")];
    Usage {
        cpu: cpu(&file("cpu.stat")),
        memory: MemoryUsage {
            usage: number(&file("memory.current")).unwrap_or(0),
            limit,
            stats: keyed(&file("memory.stat")),
        },
        pids: PidsUsage {
            current: number(&file("pids.current")).unwrap_or(0),
            limit: number(&file("pids.max")).unwrap_or(u64::MAX),
        },
        io: io(&file("io.stat")),
        networks: BTreeMap::new(),
        pressure: pressure.into_iter().filter_map(|(name, path)| Some((name, self::pressure(&file(path))?))).collect(),
    }
}

/// `None` for `max` and for nothing.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Lines of `key number`.
fn keyed(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        Some((key.to_owned(), number(value)?))
    };
    text.lines().filter_map(pair).collect()
}

fn cpu(text: &str) -> CpuUsage {
    let stat = keyed(text);
    let plain = |key: &str| stat.get(key).copied().unwrap_or(0);
    let nanos = |key: &str| plain(key).saturating_mul(1000);
    CpuUsage {
        total: nanos("usage_usec"),
        user: nanos("user_usec"),
        kernel: nanos("system_usec"),
        periods: plain("nr_periods"),
        throttled_periods: plain("nr_throttled"),
        throttled_time: nanos("throttled_usec"),
        ..CpuUsage::default()
    }
}

/// Lines of `major:minor rbytes=1 wbytes=2 rios=3 ...`; a device that was not used has no pairs.
fn io(text: &str) -> Vec<DeviceUsage> {
    let device = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (major, minor) = words.next()?.split_once(':')?;
        let mut device = DeviceUsage { major: number(major)?, minor: number(minor)?, ..DeviceUsage::default() };
        let mut used = false;
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let field = match key {
                "rbytes" => &mut device.read_bytes,
                "wbytes" => &mut device.written_bytes,
                "rios" => &mut device.reads,
                "wios" => &mut device.writes,
                _ => continue,
            };
            *field = number(value)?;
            used = true;
        }
        used.then_some(device)
    };
    text.lines().filter_map(device).collect()
}

/// Lines of `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn pressure(text: &str) -> Option<Pressure> {
    let stall = |kind: &str| {
        let mut stall = Stall::default();
        let line = text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '))?;
        for (key, value) in line.split(' ').filter_map(|word| word.split_once('=')) {
            match key {
                "avg10" => stall.avg10 = hundredths(value)?,
                "avg60" => stall.avg60 = hundredths(value)?,
                "avg300" => stall.avg300 = hundredths(value)?,
                "total" => stall.total = number(value)?,
                _ => {}
            }
        }
        Some(stall)
    };
    Some(Pressure { some: stall("some")?, full: stall("full").unwrap_or_default() })
}

/// `1.25` is 125.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<2}");
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(fraction.get(..2)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "cpu.stat",
                "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 3\nnr_throttled 1\nthrottled_usec 7\n",
            ),
            ("memory.current", "4096\n"),
            ("memory.max", "67108864\n"),
            ("memory.stat", "anon 1024\ninactive_file 512\n"),
            ("pids.current", "2\n"),
            ("pids.max", "max\n"),
            ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n7:1 \n"),
            (
                "memory.pressure",
                "some avg10=1.25 avg60=0.50 avg300=0.00 total=99\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=5\n",
            ),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let usage = read(dir.path(), 1 << 30);
        assert_eq!((usage.cpu.total, usage.cpu.user, usage.cpu.kernel), (1_500_000, 1_000_000, 500_000));
        assert_eq!((usage.cpu.throttled_periods, usage.cpu.throttled_time), (1, 7000));
        assert_eq!(
            (usage.memory.usage, usage.memory.limit, usage.memory.stats["inactive_file"]),
            (4096, 64 << 20, 512)
        );
        assert_eq!((usage.pids.current, usage.pids.limit), (2, u64::MAX));
        let device = DeviceUsage { major: 8, minor: 0, read_bytes: 1, written_bytes: 2, reads: 3, writes: 4 };
        assert_eq!(usage.io, [device]);
        let memory = &usage.pressure["memory"];
        assert_eq!((memory.some.avg10, memory.some.total, memory.full.avg10), (125, 99, 10));
        assert!(!usage.pressure.contains_key("io"));
    }

    #[test]
    fn without_files_there_are_no_numbers() {
        let usage = read(Path::new("/nonexistent"), 7);
        assert_eq!((usage.memory.limit, usage.memory.usage, usage.io.len()), (7, 0, 0));
    }
}
