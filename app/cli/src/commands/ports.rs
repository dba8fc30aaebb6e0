//! `ports`: which there are, how they are, and who may reach them.

use crate::{
    arguments::{Ports, PortsVerb},
    failure::{Failure, Outcome, invalid, say},
    output::{out, outln},
    render::{
        template::{self, Of},
        text::inert,
    },
};
use berth_api::{Client, PortHealth, PublishedPort, SharePorts};
use serde_json::{Value, json};

/// What a row is called where a template names a field that it does not have.
const ROW: Of = Of::Row("ports.Row");
const TABLE: &str = "table {{.Address}}\\t{{.ListensOn}}\\t{{.ContainerPort}}\\t{{.Container}}\\t{{.State}}";

pub(super) async fn ports(client: &Client, options: Ports) -> Outcome {
    match options.verb {
        None => list(client, &options.format).await,
        Some(PortsVerb::Share { all, off, ports }) => share(client, all, !off, &ports).await,
    }
}

async fn list(client: &Client, format: &str) -> Outcome {
    let rows: Vec<Value> = client.ports().await?.iter().map(row).collect();
    out!("{}", template::rows(if format == "table" { TABLE } else { format }, ROW, &rows, title)?);
    Ok(0)
}

async fn share(client: &Client, all: bool, on: bool, ports: &[String]) -> Outcome {
    let wishes: Vec<Option<String>> = match (all, ports) {
        (true, []) => vec![None],
        (true, _) => return Err(invalid("name ports, or all of them with --all, and not both")),
        (false, []) => return Err(invalid("name a port, such as 8080 or 53/udp, or all of them with --all")),
        (false, ports) => ports.iter().cloned().map(Some).collect(),
    };
    let mut failed = false;
    for port in wishes {
        match client.share_ports(&SharePorts { port: port.clone(), on }).await {
            Ok(now) => outln!("{}", told(port.as_deref(), on, &now)),
            Err(error) => {
                say(&error.problem());
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Said(1)) } else { Ok(0) }
}

/// What came of a word on sharing.
fn told(port: Option<&str>, on: bool, now: &[PublishedPort]) -> String {
    let who = if on { "everyone in the network" } else { "this computer only" };
    let Some(port) = port else { return format!("ports that are published without an address: for {who}") };
    let port = port.to_ascii_lowercase();
    let (number, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
    let is = |row: &PublishedPort| row.host_port.to_string() == number && row.protocol == protocol;
    let name = now.iter().find(|row| is(row)).map(|row| format!(" ({})", inert(&row.name)));
    let later = if name.is_none() { ", once it is published" } else { "" };
    format!("port {number}/{protocol}{}: for {who}{later}", name.unwrap_or_default())
}

fn row(port: &PublishedPort) -> Value {
    json!({
        "Address": if port.url.is_empty() { format!("localhost:{}", port.host_port) } else { port.url.clone() },
        "ListensOn": if port.host_ips.is_empty() { "-".to_owned() } else { port.host_ips.join(", ") },
        "HostPort": port.host_port.to_string(),
        "ContainerPort": format!("{}/{}", port.container_port, port.protocol),
        "Protocol": port.protocol,
        "Container": port.name,
        "ContainerID": port.container,
        "Shared": port.shared.to_string(),
        "Health": port.health.to_string(),
        "State": state(port),
        "Error": port.error.clone().unwrap_or_default(),
    })
}

fn state(port: &PublishedPort) -> String {
    match (&port.error, port.health) {
        (Some(error), _) => format!("waiting: {error}"),
        (None, PortHealth::Listening) if port.shared => "listening, shared".to_owned(),
        (None, health) => health.to_string(),
    }
}

fn title(field: &str) -> Option<&'static str> {
    Some(match field {
        "ListensOn" => "LISTENS ON",
        "HostPort" => "HOST PORT",
        "ContainerPort" => "CONTAINER PORT",
        "ContainerID" => "CONTAINER ID",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str) -> PublishedPort {
        PublishedPort {
            container: "0123".into(),
            name: name.into(),
            host_ips: vec!["127.0.0.1".into(), "::1".into()],
            host_port: 8080,
            container_port: 80,
            protocol: "tcp".into(),
            url: "http://localhost:8080".into(),
            health: PortHealth::Listening,
            error: None,
            given_ip: None,
            shared: false,
        }
    }

    #[test]
    fn a_port_that_waits_says_for_what() {
        let held = PublishedPort {
            host_ips: vec![],
            health: PortHealth::Held,
            error: Some("address already in use (held by nginx, pid 7)".into()),
            ..port("b")
        };
        let dns = PublishedPort { protocol: "udp".into(), url: String::new(), shared: true, ..port("dns") };
        let rows: Vec<_> = [port("a"), held, dns].iter().map(row).collect();
        insta::assert_snapshot!(template::rows(TABLE, ROW, &rows, title).unwrap(), @r"
        ADDRESS                 LISTENS ON       CONTAINER PORT   CONTAINER   STATE
        http://localhost:8080   127.0.0.1, ::1   80/tcp           a           listening
        http://localhost:8080   -                80/tcp           b           waiting: address already in use (held by nginx, pid 7)
        localhost:8080          127.0.0.1, ::1   80/udp           dns         listening, shared
        ");
    }

    #[test]
    fn a_word_on_sharing_is_repeated() {
        assert_eq!(told(Some("8080"), true, &[port("web")]), "port 8080/tcp (web): for everyone in the network");
        assert_eq!(
            told(Some("53/UDP"), false, &[port("web")]),
            "port 53/udp: for this computer only, once it is published"
        );
        assert_eq!(told(None, false, &[]), "ports that are published without an address: for this computer only");
    }
}
