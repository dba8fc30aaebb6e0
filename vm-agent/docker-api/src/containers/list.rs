//! `GET /containers/json`.

use super::{
    mount_point::MountPointOut,
    network::{self, EndpointOut},
};
use crate::{error::Reply, filters::Filters, query::Query, wire::json};
use axum::extract::State;
use berth_engine::{
    Engine,
    container::{ContainerFilters, ContainerState, ContainerSummary, ListOptions, PublishedPort},
};
use serde::Serialize;
use std::collections::BTreeMap;

const FILTERS: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

pub(super) async fn get(State(engine): State<Engine>, query: Query) -> Reply {
    let filters = query.filters(FILTERS)?;
    let options = ListOptions {
        all: query.on("all"),
        // Docker takes 0 and negative numbers for no limit.
        limit: query.number::<i64>("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
        filters: read_filters(&filters)?,
    };
    if fits_none(&filters)? {
        return Ok(json::ok(&[(); 0]));
    }
    let containers = engine.list_containers(options).await?;
    Ok(json::ok(&containers.into_iter().map(Summary::from).collect::<Vec<_>>()))
}

fn read_filters(filters: &Filters) -> Reply<ContainerFilters> {
    let status =
        filters.values("status").iter().map(|state| state.parse()).collect::<Result<Vec<ContainerState>, _>>()?;
    Ok(ContainerFilters {
        id: filters.values("id"),
        name: filters.values("name"),
        status,
        label: filters.values("label"),
        ancestor: filters.values("ancestor"),
        exited: filters.parsed("exited")?,
        volume: filters.values("volume"),
        network: filters.values("network"),
        before: filters.values("before"),
        since: filters.values("since"),
        publish: filters.values("publish"),
        expose: filters.values("expose"),
    })
}

/// Swarm tasks and containers with a verdict of a health check: the engine has neither, so these fit none.
fn fits_none(filters: &Filters) -> Reply<bool> {
    let health = filters.values("health");
    let wants_verdict = !health.is_empty() && !health.iter().any(|verdict| verdict == "none");
    Ok(wants_verdict || filters.yes("is-task")? == Some(true))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    id: String,
    names: [String; 1],
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    command: String,
    created: i64,
    ports: Vec<Port>,
    labels: BTreeMap<String, String>,
    state: &'static str,
    status: String,
    host_config: HostConfig,
    network_settings: Networks,
    mounts: Vec<MountPointOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    network_mode: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    networks: BTreeMap<String, EndpointOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    #[serde(rename = "IP", skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    private_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    kind: String,
}

impl From<ContainerSummary> for Summary {
    fn from(container: ContainerSummary) -> Self {
        Self {
            id: container.id,
            names: [format!("/{}", container.name)],
            image: container.image,
            image_id: container.image_id,
            command: container.command,
            created: container.created.seconds(),
            ports: container.ports.into_iter().map(Port::from).collect(),
            labels: container.labels,
            state: container.state.as_str(),
            status: container.status,
            host_config: HostConfig { network_mode: network::mode(&container.network_mode).to_owned() },
            network_settings: Networks { networks: network::endpoints(container.network.networks) },
            mounts: container.mounts.into_iter().map(MountPointOut::from).collect(),
        }
    }
}

impl From<PublishedPort> for Port {
    fn from(port: PublishedPort) -> Self {
        Self {
            ip: port.ip.map(|ip| ip.to_string()),
            private_port: port.private_port,
            public_port: port.public_port,
            kind: port.protocol.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::{
        Protocol, Timestamp,
        container::{Endpoint, MountKind, MountPoint, NetworkMode, NetworkSettings},
    };

    fn container() -> ContainerSummary {
        ContainerSummary {
            id: "ab".repeat(32),
            name: "web".into(),
            image: "nginx".into(),
            image_id: format!("sha256:{}", "cd".repeat(32)),
            command: "nginx -g 'daemon off;'".into(),
            created: Timestamp(1_700_000_000_000_000_000),
            state: ContainerState::Running,
            status: "Up 5 minutes".into(),
            ports: vec![
                PublishedPort {
                    ip: Some([127, 0, 0, 1].into()),
                    private_port: 80,
                    public_port: Some(8080),
                    protocol: Protocol::Tcp,
                },
                PublishedPort { ip: None, private_port: 443, public_port: None, protocol: Protocol::Tcp },
            ],
            labels: BTreeMap::from([("a".into(), "b".into())]),
            network_mode: NetworkMode::Default,
            network: NetworkSettings {
                networks: BTreeMap::from([(
                    "bridge".to_owned(),
                    Endpoint {
                        network_id: "ef".repeat(32),
                        endpoint_id: "01".repeat(32),
                        address: Some([172, 17, 0, 2].into()),
                        prefix: 16,
                        gateway: Some([172, 17, 0, 1].into()),
                        mac: "02:42:ac:11:00:02".into(),
                        ..Endpoint::default()
                    },
                )]),
                ..NetworkSettings::default()
            },
            mounts: vec![MountPoint {
                kind: MountKind::Volume,
                name: "db".into(),
                source: "/data/berth/volumes/db/_data".into(),
                destination: "/var/lib/db".into(),
                driver: "local".into(),
                mode: "z".into(),
                rw: true,
                propagation: String::new(),
            }],
        }
    }

    #[test]
    fn a_line_is_dockers_and_the_oracle_reads_it() {
        let summary = Summary::from(container());
        let text = serde_json::to_string(&summary).unwrap();
        let read: bollard_stubs::models::ContainerSummary = serde_json::from_str(&text).unwrap();
        assert_eq!(read.names.unwrap(), ["/web"]);
        assert_eq!(read.ports.unwrap()[0].public_port, Some(8080));
        insta::assert_json_snapshot!(summary);
    }

    #[test]
    fn filters_are_read_or_refused() {
        let read = |text: &str| read_filters(&Filters::parse(text).unwrap());
        let filters = read(r#"{"status":["running"],"exited":["0","137"],"label":{"a=b":true}}"#).unwrap();
        assert_eq!(filters.status, [ContainerState::Running]);
        assert_eq!((filters.exited, filters.label), (vec![0, 137], vec!["a=b".to_owned()]));
        assert!(read(r#"{"status":["happy"]}"#).unwrap_err().message().contains("must be one of created, running"));
        assert_eq!(read(r#"{"exited":["x"]}"#).unwrap_err().message(), "invalid filter 'exited=[x]'");
    }

    #[test]
    fn health_and_swarm_filters_fit_what_the_engine_has() {
        for (text, none) in [
            ("{}", false),
            (r#"{"health":["none"]}"#, false),
            (r#"{"health":["healthy"]}"#, true),
            (r#"{"is-task":["true"]}"#, true),
            (r#"{"is-task":["false"]}"#, false),
        ] {
            assert_eq!(fits_none(&Filters::parse(text).unwrap()).unwrap(), none, "{text}");
        }
    }
}
