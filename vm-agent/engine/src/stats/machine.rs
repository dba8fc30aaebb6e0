//! What the machine as a whole tells (proc_stat(5), proc_pid_net(5)).

use super::NetworkUsage;
use std::{collections::BTreeMap, fs};

/// Ticks of `/proc/stat` per second: `USER_HZ` is 100 on every architecture of ours.
const TICKS: u64 = 100;
/// user, nice, system, idle, iowait, irq, softirq: the fields that docker adds up (moby `getSystemCPUUsage`).
const CPU_FIELDS: usize = 7;

/// Processor time of the machine, nanoseconds of all processors together; 0 when the kernel does not say.
pub(crate) fn cpu_time() -> u64 {
    parse_cpu(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

fn parse_cpu(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let fields = line.split_ascii_whitespace().take(CPU_FIELDS);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).fold(0, u64::saturating_add);
    ticks.saturating_mul(1_000_000_000 / TICKS)
}

/// The interfaces that a process sees, without loopback. None when it has ended.
pub(crate) fn interfaces(pid: i32) -> BTreeMap<String, NetworkUsage> {
    parse_interfaces(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
}

/// Two lines of headers, then `name: rx_bytes packets errs drop fifo frame compressed multicast tx_bytes ...`.
fn parse_interfaces(text: &str) -> BTreeMap<String, NetworkUsage> {
    let interface = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [rx_bytes, rx_packets, rx_errors, rx_dropped, _, _, _, _, tx_bytes, tx_packets, tx_errors, tx_dropped, ..] =
            numbers[..]
        else {
            return None;
        };
        let usage =
            NetworkUsage { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped };
        Some((name.trim().to_owned(), usage))
    };
    text.lines().skip(2).filter_map(interface).filter(|(name, _)| name != "lo").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        assert_eq!(parse_cpu("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1\n"), 28 * 10_000_000);
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n";
        let all = parse_interfaces(text);
        assert_eq!(all.len(), 1);
        assert_eq!((all["eth0"].rx_bytes, all["eth0"].rx_dropped, all["eth0"].tx_bytes), (1, 4, 5));
        assert!(cpu_time() > 0);
    }
}
