//! `GET /containers/{name}/stats`: what it uses, once or each second.

use crate::{
    error::{ApiError, Reply},
    query::Query,
    wire::json,
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use berth_engine::{
    Engine, Timestamp,
    stats::{ContainerStats, CpuUsage, MemoryUsage, NetworkUsage, Pressure, Stall, Usage},
};
use bytes::Bytes;
use futures_util::StreamExt;
use http::header;
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, convert::Infallible};

pub(super) async fn get(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let (stream, one_shot) = (query.get("stream").is_none() || query.on("stream"), query.on("one-shot"));
    if stream && one_shot {
        return Err(ApiError::bad_request("cannot have stream=true and one-shot=true"));
    }
    if !stream {
        return once(&engine, &name, one_shot).await;
    }
    let mut earlier = Earlier::default();
    let looks = engine.container_stats_stream(&name)?;
    let documents = looks.map(move |stats| Ok::<_, Infallible>(document(&earlier.take_over(stats))));
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(documents)).into_response())
}

/// Without `one-shot`, two looks a second apart: a client computes the share of a processor from both.
async fn once(engine: &Engine, name: &str, one_shot: bool) -> Reply<Response> {
    let mut earlier = Earlier::default();
    let first = engine.container_stats(name).await?;
    if one_shot || first.usage.is_none() {
        return Ok(json::ok(&earlier.take_over(first)));
    }
    earlier.take_over(first);
    let second = engine.container_stats_stream(name)?.skip(1).next().await;
    let second = match second {
        Some(second) => second,
        None => engine.container_stats(name).await?,
    };
    Ok(json::ok(&earlier.take_over(second)))
}

fn document(stats: &StatsOut) -> Bytes {
    let mut bytes = serde_json::to_vec(stats).unwrap_or_else(|error| {
        tracing::error!("an answer could not be written as JSON: {error}");
        Vec::new()
    });
    bytes.push(b'\n');
    bytes.into()
}

/// The look before: docker's answers carry its processor time.
#[derive(Default)]
struct Earlier {
    at: Option<Timestamp>,
    cpu: Option<CpuUsage>,
}

impl Earlier {
    fn take_over(&mut self, stats: ContainerStats) -> StatsOut {
        let out = StatsOut::new(&stats, self);
        self.at = stats.usage.is_some().then_some(stats.at);
        self.cpu = stats.usage.map(|usage| usage.cpu);
        out
    }
}

#[derive(Serialize)]
struct StatsOut {
    id: String,
    name: String,
    read: String,
    preread: String,
    pids_stats: Value,
    blkio_stats: Value,
    /// Windows only.
    num_procs: u32,
    /// Windows only.
    storage_stats: Value,
    cpu_stats: Value,
    precpu_stats: Value,
    memory_stats: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<String, Value>,
    /// Not docker's: pressure stall information, by resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pressure_stats: BTreeMap<&'static str, Value>,
}

impl StatsOut {
    fn new(stats: &ContainerStats, earlier: &Earlier) -> Self {
        let at = |moment: Option<Timestamp>| moment.map_or_else(|| Timestamp::NEVER.to_owned(), Timestamp::rfc3339);
        let usage = stats.usage.as_ref();
        Self {
            id: stats.id.clone(),
            name: format!("/{}", stats.name),
            read: at(usage.map(|_| stats.at)),
            preread: at(earlier.at),
            pids_stats: usage
                .map_or_else(|| json!({}), |usage| json!({ "current": usage.pids.current, "limit": usage.pids.limit })),
            blkio_stats: usage.map_or_else(|| json!({}), block_io),
            num_procs: 0,
            storage_stats: json!({}),
            cpu_stats: usage.map_or_else(empty_cpu, |usage| cpu(&usage.cpu)),
            precpu_stats: earlier.cpu.as_ref().map_or_else(empty_cpu, cpu),
            memory_stats: usage.map_or_else(|| json!({}), |usage| memory(&usage.memory)),
            networks: usage.map(networks).unwrap_or_default(),
            pressure_stats: usage.map(pressure).unwrap_or_default(),
        }
    }
}

fn cpu(cpu: &CpuUsage) -> Value {
    json!({
        "cpu_usage": {
            "total_usage": cpu.total,
            "usage_in_kernelmode": cpu.kernel,
            "usage_in_usermode": cpu.user,
        },
        "system_cpu_usage": cpu.system,
        "online_cpus": cpu.online,
        "throttling_data": {
            "periods": cpu.periods,
            "throttled_periods": cpu.throttled_periods,
            "throttled_time": cpu.throttled_time,
        },
    })
}

fn empty_cpu() -> Value {
    json!({
        "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
        "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
    })
}

fn memory(memory: &MemoryUsage) -> Value {
    json!({ "usage": memory.usage, "stats": memory.stats, "limit": memory.limit })
}

/// Docker fills two of the eight lists on control groups version 2.
fn block_io(usage: &Usage) -> Value {
    let entries = |of: fn(&berth_engine::stats::DeviceUsage) -> (u64, u64)| -> Value {
        let all = usage.io.iter().flat_map(|device| {
            let (read, write) = of(device);
            [("read", read), ("write", write)]
                .map(|(op, value)| json!({ "major": device.major, "minor": device.minor, "op": op, "value": value }))
        });
        if usage.io.is_empty() { Value::Null } else { all.collect() }
    };
    json!({
        "io_service_bytes_recursive": entries(|device| (device.read_bytes, device.written_bytes)),
        "io_serviced_recursive": entries(|device| (device.reads, device.writes)),
        "io_queue_recursive": null,
        "io_service_time_recursive": null,
        "io_wait_time_recursive": null,
        "io_merged_recursive": null,
        "io_time_recursive": null,
        "sectors_recursive": null,
    })
}

fn networks(usage: &Usage) -> BTreeMap<String, Value> {
    let one = |network: &NetworkUsage| {
        json!({
            "rx_bytes": network.rx_bytes,
            "rx_packets": network.rx_packets,
            "rx_errors": network.rx_errors,
            "rx_dropped": network.rx_dropped,
            "tx_bytes": network.tx_bytes,
            "tx_packets": network.tx_packets,
            "tx_errors": network.tx_errors,
            "tx_dropped": network.tx_dropped,
        })
    };
    usage.networks.iter().map(|(name, network)| (name.clone(), one(network))).collect()
}

/// Percent of the time, and nanoseconds in all.
fn pressure(usage: &Usage) -> BTreeMap<&'static str, Value> {
    let percent = |hundredths: u32| f64::from(hundredths) / 100.0;
    let stall = |stall: &Stall| {
        json!({
            "avg10": percent(stall.avg10),
            "avg60": percent(stall.avg60),
            "avg300": percent(stall.avg300),
            "total": stall.total.saturating_mul(1000),
        })
    };
    let one = |pressure: &Pressure| json!({ "some": stall(&pressure.some), "full": stall(&pressure.full) });
    usage.pressure.iter().map(|(name, pressure)| (*name, one(pressure))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::stats::DeviceUsage;

    fn stats(total: u64) -> ContainerStats {
        let stall = Stall { avg10: 125, avg60: 50, avg300: 0, total: 7 };
        ContainerStats {
            id: "ab".repeat(32),
            name: "web".into(),
            at: Timestamp(1_700_000_000_000_000_000),
            usage: Some(Usage {
                cpu: CpuUsage { total, system: 9_000_000_000, online: 2, ..CpuUsage::default() },
                memory: MemoryUsage { usage: 4096, limit: 1 << 30, stats: [("inactive_file".to_owned(), 512)].into() },
                pids: berth_engine::stats::PidsUsage { current: 3, limit: u64::MAX },
                io: vec![DeviceUsage { major: 254, minor: 0, read_bytes: 1, written_bytes: 2, reads: 3, writes: 4 }],
                networks: [("eth0".to_owned(), NetworkUsage { rx_bytes: 5, ..NetworkUsage::default() })].into(),
                pressure: [("cpu", Pressure { some: stall, full: Stall::default() })].into(),
            }),
        }
    }

    #[test]
    fn a_look_is_dockers_and_the_oracle_reads_it() {
        let mut earlier = Earlier::default();
        earlier.take_over(stats(1_000_000));
        let out = earlier.take_over(stats(3_000_000));
        let text = serde_json::to_string(&out).unwrap();
        let read: bollard_stubs::models::ContainerStatsResponse = serde_json::from_str(&text).unwrap();
        let total = |cpu: Option<bollard_stubs::models::ContainerCpuStats>| cpu.unwrap().cpu_usage.unwrap().total_usage;
        assert_eq!((total(read.cpu_stats), total(read.precpu_stats)), (Some(3_000_000), Some(1_000_000)));
        assert_eq!(read.memory_stats.unwrap().limit, Some(1 << 30));
        assert_eq!(read.networks.unwrap()["eth0"].rx_bytes, Some(5));
        insta::assert_json_snapshot!(out);
    }

    #[test]
    fn a_container_that_does_not_run_has_a_name_and_no_numbers() {
        let mut earlier = Earlier::default();
        let out = serde_json::to_value(earlier.take_over(ContainerStats { usage: None, ..stats(0) })).unwrap();
        assert_eq!((&out["name"], &out["read"]), (&json!("/web"), &json!(Timestamp::NEVER)));
        assert_eq!((&out["memory_stats"], out.get("networks")), (&json!({}), None));
        assert_eq!(out["cpu_stats"]["cpu_usage"]["total_usage"], 0);
    }
}
