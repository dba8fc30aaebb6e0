//! `stats` and `top`.

use crate::{
    arguments::{Stats, Top},
    failure::{Failure, Outcome, io, say},
    output::out,
    render::{
        size, table,
        template::{self, Of},
        text::short_id,
    },
};
use berth_api::{
    Client,
    container::{ContainerQuery, Usage},
};
use console::Term;
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Docker's columns.
const TABLE: &str =
    "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/// What docker calls a row.
const ROW: Of = Of::Row("*container.statsContext");

/// A look takes the engine a second, so that a live table is as new as docker's.
pub(super) async fn stats(client: &Client, options: &Stats) -> Outcome {
    super::must_run(client).await?;
    loop {
        let names = match options.names.as_slice() {
            [] => running(client, options.all).await?,
            names => names.to_vec(),
        };
        let looks = join_all(names.iter().map(|name| client.stats(name))).await;
        let mut rows = Vec::new();
        let mut failed = false;
        for look in looks {
            match look {
                Ok(look) => rows.push(row(&look, options.no_trunc)),
                // One that was removed meanwhile is no failure of a list.
                Err(error) if options.names.is_empty() && error.is_not_found() => {}
                Err(error) => {
                    failed = true;
                    say(&error.problem());
                }
            }
        }
        if failed {
            return Err(Failure::Said(1));
        }
        let format = if options.format == "table" { TABLE } else { &options.format };
        let text = template::rows(format, ROW, &rows, title)?;
        if options.no_stream {
            out!("{text}");
            return Ok(0);
        }
        draw(&text)?;
        if names.is_empty() {
            // Nothing takes a second then.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

async fn running(client: &Client, all: bool) -> Result<Vec<String>, Failure> {
    let list = client.list_containers(ContainerQuery { all, ..ContainerQuery::default() }).await?;
    Ok(list.into_iter().filter_map(|container| container.id).collect())
}

/// In place on a terminal, one after another elsewhere.
fn draw(text: &str) -> Result<(), Failure> {
    let terminal = Term::stdout();
    if terminal.is_term() {
        terminal.clear_screen().map_err(io("draw on the terminal"))?;
    }
    out!("{text}");
    Ok(())
}

fn title(field: &str) -> Option<&'static str> {
    Some(match field {
        "ID" => "CONTAINER ID",
        "Container" => "CONTAINER",
        "CPUPerc" => "CPU %",
        "MemUsage" => "MEM USAGE / LIMIT",
        "MemPerc" => "MEM %",
        "NetIO" => "NET I/O",
        "BlockIO" => "BLOCK I/O",
        "CPUPressure" => "CPU PRESSURE",
        "MemPressure" => "MEM PRESSURE",
        "IOPressure" => "I/O PRESSURE",
        _ => return None,
    })
}

/// Docker's fields, and the share of the last ten seconds in which a process waited for processors, memory or devices.
fn row(look: &Value, whole: bool) -> Value {
    let usage = Usage::of(look);
    let id = if whole { &usage.id } else { short_id(&usage.id) };
    let pressure = |share: f64| format!("{share:.2}%");
    json!({
        "ID": id,
        "Container": id,
        "Name": usage.name,
        "CPUPerc": format!("{:.2}%", usage.cpu),
        "MemUsage": format!("{} / {}", size::binary(usage.memory), size::binary(usage.memory_limit)),
        "MemPerc": format!("{:.2}%", percent(usage.memory, usage.memory_limit)),
        "NetIO": format!("{} / {}", size::words(usage.received), size::words(usage.sent)),
        "BlockIO": format!("{} / {}", size::words(usage.read), size::words(usage.written)),
        "PIDs": usage.processes,
        "CPUPressure": pressure(usage.pressure.cpu),
        "MemPressure": pressure(usage.pressure.memory),
        "IOPressure": pressure(usage.pressure.io),
    })
}

#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

pub(super) async fn top(client: &Client, options: &Top) -> Outcome {
    let (titles, processes) = client.top(&options.name, &options.options.join(" ")).await?;
    let lines: Vec<_> = std::iter::once(titles).chain(processes).collect();
    out!("{}", table::columns(&lines));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_dockers() {
        let look = json!({
            "id": "0123456789abcdef", "name": "/web",
            "cpu_stats": { "cpu_usage": { "total_usage": 600_000_000 }, "system_cpu_usage": 3_000_000_000_u64, "online_cpus": 2 },
            "precpu_stats": { "cpu_usage": { "total_usage": 100_000_000 }, "system_cpu_usage": 1_000_000_000 },
            "memory_stats": { "usage": 60 << 20, "limit": 200 << 20, "stats": { "inactive_file": 10 << 20 } },
            "networks": { "eth0": { "rx_bytes": 1500, "tx_bytes": 20 } },
            "blkio_stats": { "io_service_bytes_recursive": [{ "op": "read", "value": 4096 }, { "op": "write", "value": 0 }] },
            "pids_stats": { "current": 3 },
            "pressure_stats": { "cpu": { "some": { "avg10": 1.5 } } },
        });
        let row = row(&look, false);
        assert_eq!(row["CPUPerc"], "50.00%");
        assert_eq!((&row["MemUsage"], &row["MemPerc"]), (&json!("50MiB / 200MiB"), &json!("25.00%")));
        assert_eq!(
            (&row["NetIO"], &row["BlockIO"], &row["PIDs"]),
            (&json!("1.5kB / 20B"), &json!("4.1kB / 0B"), &json!(3))
        );
        assert_eq!((&row["CPUPressure"], &row["IOPressure"]), (&json!("1.50%"), &json!("0.00%")));
        let table = template::rows(TABLE, ROW, &[row], title).unwrap();
        assert!(table.starts_with("CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %"), "{table}");
        let idle = super::row(&json!({ "id": "ab", "name": "/x" }), false);
        assert_eq!((&idle["CPUPerc"], &idle["MemUsage"]), (&json!("0.00%"), &json!("0B / 0B")));
    }
}
