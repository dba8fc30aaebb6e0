//! `network`.

use super::{each, inspect, prune};
use crate::{
    arguments::{NetworkCommand, filters},
    failure::Outcome,
    output::{out, outln},
    render::{
        template::{self, Of},
        text,
    },
};
use berth_api::{Client, Code};
use serde_json::{Value, json};

/// Docker's name for a row, and its columns.
const ROW: Of = Of::Row("*network.networkContext");
const TABLE: &str = "table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}";

pub(super) async fn network(client: &Client, command: NetworkCommand) -> Outcome {
    match command {
        NetworkCommand::Ls { filter, quiet, no_trunc, format } => {
            let networks = client.networks(&filters(&filter)?).await?;
            let format = match format.as_str() {
                _ if quiet => "{{.ID}}",
                "table" => TABLE,
                other => other,
            };
            out!("{}", template::rows(format, ROW, &rows(networks, no_trunc), title)?);
            Ok(0)
        }
        NetworkCommand::Create(options) => {
            let (id, warning) = client.create_network(options.spec()?).await?;
            if !warning.is_empty() {
                eprintln!("WARNING: {}", text::inert(&warning));
            }
            outln!("{id}");
            Ok(0)
        }
        NetworkCommand::Connect(options) => {
            let endpoint = options.endpoint()?;
            Ok(client.connect_network(&options.network, &options.container, &endpoint).await.map(|()| 0)?)
        }
        NetworkCommand::Disconnect { force, network, container } => {
            Ok(client.disconnect_network(&network, &container, force).await.map(|()| 0)?)
        }
        NetworkCommand::Inspect(options) => inspect::networks(client, &options).await,
        NetworkCommand::Rm { force, names } => {
            each(&names.names, |name| async move {
                match client.remove_network(&name).await {
                    Err(error) if force && error.problem().code == Code::NotFound => Ok(()),
                    answer => answer,
                }
            })
            .await
        }
        NetworkCommand::Prune { force, filter } => prune::networks(client, force, &filter).await,
    }
}

fn title(field: &str) -> Option<&'static str> {
    match field {
        "ID" => Some("NETWORK ID"),
        "IPv4" => Some("IPV4"),
        "IPv6" => Some("IPV6"),
        "CreatedAt" => Some("CREATED AT"),
        _ => None,
    }
}

/// Docker's fields of each network, by name as docker sorts them.
fn rows(mut networks: Vec<Value>, whole: bool) -> Vec<Value> {
    networks.sort_by(|a, b| a["Name"].as_str().cmp(&b["Name"].as_str()));
    networks.iter().map(|network| row(network, whole)).collect()
}

fn row(network: &Value, whole: bool) -> Value {
    let string = |field: &str| network[field].as_str().unwrap_or_default();
    let flag = |field: &str| network[field].as_bool().unwrap_or(false).to_string();
    let labels = network["Labels"].as_object().cloned().unwrap_or_default();
    let mut words: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    words.sort();
    json!({
        "ID": if whole { string("Id") } else { text::short_id(string("Id")) },
        "Name": string("Name"),
        "Driver": string("Driver"),
        "Scope": string("Scope"),
        "IPv4": flag("EnableIPv4"),
        "IPv6": flag("EnableIPv6"),
        "Internal": flag("Internal"),
        "CreatedAt": string("Created"),
        "Labels": words.join(","),
        template::LABELS: labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Vec<Value> {
        let network = |name: &str, internal: bool| {
            json!({ "Id": "0123456789abcdef", "Name": name, "Driver": "bridge", "Scope": "local", "EnableIPv4": true,
                "EnableIPv6": false, "Internal": internal, "Created": "2026-01-01T00:00:00Z",
                "Labels": { "tier": "back", "a": "b" } })
        };
        vec![network("shop", true), network("bridge", false)]
    }

    #[test]
    fn the_table_is_dockers() {
        let rows = rows(networks(), false);
        insta::assert_snapshot!(template::rows(TABLE, ROW, &rows, title).unwrap(), @r"
        NETWORK ID     NAME      DRIVER    SCOPE
        0123456789ab   bridge    bridge    local
        0123456789ab   shop      bridge    local
        ");
    }

    #[test]
    fn the_fields_are_dockers() {
        let rows = rows(networks(), true);
        let shown = template::rows("{{.Name}} {{.IPv6}} {{.Internal}} {{.Labels}} {{.Label \"a\"}}", ROW, &rows, title);
        assert_eq!(shown.unwrap(), "bridge false false a=b,tier=back b\nshop false true a=b,tier=back b\n");
    }
}
