//! What a container uses, read from its control group and its network namespace.

mod cgroup;
mod machine;

pub(crate) use cgroup::read as read_cgroup;
pub(crate) use machine::{cpu_time, interfaces};

use crate::Timestamp;
use std::collections::BTreeMap;

/// One look at a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStats {
    /// 64 hex digits.
    pub id: String,
    /// Without slash.
    pub name: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// `None` while it does not run.
    pub usage: Option<Usage>,
}

/// What a running container uses. What the kernel does not tell is 0 or absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processors.
    pub cpu: CpuUsage,
    /// Memory.
    pub memory: MemoryUsage,
    /// Processes and threads.
    pub pids: PidsUsage,
    /// Block devices.
    pub io: Vec<DeviceUsage>,
    /// By the interface's name in the container; empty on the machine's own network.
    pub networks: BTreeMap<String, NetworkUsage>,
    /// How much its processes wait for what they need: by `cpu`, `memory`, `io`.
    pub pressure: BTreeMap<&'static str, Pressure>,
}

/// Processor time, nanoseconds since the container's control group was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuUsage {
    /// All.
    pub total: u64,
    /// In the programs.
    pub user: u64,
    /// In the kernel for them.
    pub kernel: u64,
    /// Periods in which it was runnable.
    pub periods: u64,
    /// Periods in which its quota ran out.
    pub throttled_periods: u64,
    /// For how long it stood still for that.
    pub throttled_time: u64,
    /// Of the whole machine, all processors, idle time included.
    pub system: u64,
    /// Processors of the machine.
    pub online: usize,
}

/// Memory, bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Charged to it, page cache included.
    pub usage: u64,
    /// Its limit, or the machine's memory.
    pub limit: u64,
    /// The kernel's `memory.stat`.
    pub stats: BTreeMap<String, u64>,
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PidsUsage {
    /// How many there are.
    pub current: u64,
    /// How many there may be; `u64::MAX` without a limit.
    pub limit: u64,
}

/// What went to and from one block device, since the container's control group was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceUsage {
    /// The device's number.
    pub major: u64,
    /// The device's number.
    pub minor: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

/// What went through one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it: received and sent, bytes and packets")]
pub struct NetworkUsage {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

/// Pressure stall information of one resource (Linux Documentation/accounting/psi.rst).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// At least one process waited.
    pub some: Stall,
    /// All of them waited.
    pub full: Stall,
}

/// For which part of the time, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// Hundredths of a percent over the last 10 seconds.
    pub avg10: u32,
    /// Over the last minute.
    pub avg60: u32,
    /// Over the last five minutes.
    pub avg300: u32,
    /// Microseconds in all.
    pub total: u64,
}
