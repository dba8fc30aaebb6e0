//! What a container uses, in docker's figures.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a container used at one moment. Bytes are counted since its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Usage {
    /// Full id of the container.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When, as RFC 3339 by the engine's clock.
    pub time: String,
    /// The part of all processors since the look before, percent of one processor.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub cpu: f64,
    /// Bytes, without the page cache that could go at once.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub memory: u64,
    /// Bytes; that of the machine without a limit of its own.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub memory_limit: u64,
    /// Bytes from networks.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub received: u64,
    /// Bytes to networks.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub sent: u64,
    /// Bytes read from block devices.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub read: u64,
    /// Bytes written to block devices.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub written: u64,
    /// Processes and threads.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub processes: u64,
    /// How long its processes waited.
    pub pressure: Pressure,
}

/// The share of the last ten seconds in which a process waited for something, percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Pressure {
    /// For processors.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub cpu: f64,
    /// For memory.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub memory: f64,
    /// For block devices.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub io: f64,
}

impl Usage {
    /// From docker's `stats` document; what is not in it is 0.
    #[must_use]
    pub fn of(look: &Value) -> Self {
        let text = |field: &str| look[field].as_str().unwrap_or_default();
        let networks = look["networks"].as_object();
        let network = |field: &str| -> u64 {
            networks.into_iter().flat_map(|all| all.values()).filter_map(|one| one[field].as_u64()).sum()
        };
        let devices = look["blkio_stats"]["io_service_bytes_recursive"].as_array();
        let device = |op: &str| -> u64 {
            let these = devices.into_iter().flatten().filter(|entry| entry["op"] == op);
            these.filter_map(|entry| entry["value"].as_u64()).sum()
        };
        let pressure = |what: &str| look["pressure_stats"][what]["some"]["avg10"].as_f64().unwrap_or(0.0);
        let (memory, memory_limit) = memory(look);
        Self {
            id: text("id").into(),
            name: text("name").trim_start_matches('/').into(),
            time: text("read").into(),
            cpu: cpu(look),
            memory,
            memory_limit,
            received: network("rx_bytes"),
            sent: network("tx_bytes"),
            read: device("read"),
            written: device("write"),
            processes: look["pids_stats"]["current"].as_u64().unwrap_or(0),
            pressure: Pressure { cpu: pressure("cpu"), memory: pressure("memory"), io: pressure("io") },
        }
    }
}

/// docker/cli `calculateCPUPercentUnix`.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn cpu(look: &Value) -> f64 {
    let number = |of: &str, field: &str| look[of][field].as_u64().unwrap_or(0);
    let total = |of: &str| look[of]["cpu_usage"]["total_usage"].as_u64().unwrap_or(0);
    let used = total("cpu_stats").saturating_sub(total("precpu_stats")) as f64;
    let passed =
        number("cpu_stats", "system_cpu_usage").saturating_sub(number("precpu_stats", "system_cpu_usage")) as f64;
    let processors = number("cpu_stats", "online_cpus") as f64;
    if passed > 0.0 { used / passed * processors * 100.0 } else { 0.0 }
}

/// Use and limit, as docker counts on control groups version 2.
fn memory(look: &Value) -> (u64, u64) {
    let memory = &look["memory_stats"];
    let usage = memory["usage"].as_u64().unwrap_or(0);
    let cache = memory["stats"]["inactive_file"].as_u64().filter(|cache| *cache < usage).unwrap_or(0);
    (usage - cache, memory["limit"].as_u64().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_dockers() {
        let look = json!({
            "id": "0123456789abcdef", "name": "/web",
            "cpu_stats": { "cpu_usage": { "total_usage": 600_000_000 }, "system_cpu_usage": 3_000_000_000_u64, "online_cpus": 2 },
            "precpu_stats": { "cpu_usage": { "total_usage": 100_000_000 }, "system_cpu_usage": 1_000_000_000 },
            "memory_stats": { "usage": 60 << 20, "limit": 200 << 20, "stats": { "inactive_file": 10 << 20 } },
            "networks": { "eth0": { "rx_bytes": 1500, "tx_bytes": 20 }, "eth1": { "rx_bytes": 1, "tx_bytes": 2 } },
            "blkio_stats": { "io_service_bytes_recursive": [{ "op": "read", "value": 4096 }, { "op": "write", "value": 1 }] },
            "pids_stats": { "current": 3 },
            "pressure_stats": { "cpu": { "some": { "avg10": 1.5 } } },
        });
        let usage = Usage::of(&look);
        assert!((usage.cpu - 50.0).abs() < 1e-9, "{}", usage.cpu);
        assert_eq!((usage.name.as_str(), usage.memory, usage.memory_limit), ("web", 50 << 20, 200 << 20));
        assert_eq!((usage.received, usage.sent, usage.read, usage.written), (1501, 22, 4096, 1));
        assert_eq!((usage.processes, usage.pressure.cpu, usage.pressure.io), (3, 1.5, 0.0));
    }

    #[test]
    fn one_that_does_not_run_uses_nothing() {
        let idle = Usage::of(&json!({ "id": "ab", "name": "/x" }));
        assert_eq!((idle.cpu, idle.memory, idle.memory_limit), (0.0, 0, 0));
    }
}
