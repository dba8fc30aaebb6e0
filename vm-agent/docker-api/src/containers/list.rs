//! `GET /containers/json`.

use super::{
    mount_point::MountPointOut,
    network::{self, EndpointOut},
};
use crate::{
    error::{ApiError, Reply},
    filters::Filters,
    query::Query,
    version::ApiVersion,
    wire::json,
};
use axum::extract::State;
use berth_engine::{
    Engine,
    container::{ContainerFilters, ContainerState, ContainerSummary, HealthStatus, ListOptions, PublishedPort},
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

pub(super) async fn get(State(engine): State<Engine>, version: ApiVersion, query: Query) -> Reply {
    let filters = query.filters(FILTERS)?;
    let options = ListOptions {
        all: query.on("all"),
        size: query.on("size"),
        // Docker takes 0 and negative numbers for no limit.
        limit: query.number::<i64>("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
        filters: read_filters(&filters)?,
    };
    // The engine has no swarm, so no container is a task of one.
    if filters.yes("is-task")? == Some(true) {
        return Ok(json::ok(&[(); 0]));
    }
    let containers = engine.list_containers(options).await?;
    Ok(json::ok(&containers.into_iter().map(|container| Summary::new(container, version)).collect::<Vec<_>>()))
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
        health: filters.values("health").iter().map(|text| health(text)).collect::<Reply<_>>()?,
    })
}

fn health(text: &str) -> Reply<Option<HealthStatus>> {
    match text {
        "none" => Ok(None),
        "starting" => Ok(Some(HealthStatus::Starting)),
        "healthy" => Ok(Some(HealthStatus::Healthy)),
        "unhealthy" => Ok(Some(HealthStatus::Unhealthy)),
        _ => Err(ApiError::bad_request(format!("unrecognised filter value for health: {text}"))),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
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
    /// Since API 1.52.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HealthOut {
    status: String,
    failing_streak: u32,
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

impl Summary {
    pub(crate) fn new(container: ContainerSummary, version: ApiVersion) -> Self {
        let health = container.health.map_or_else(
            || HealthOut { status: "none".to_owned(), failing_streak: 0 },
            |health| HealthOut { status: health.status.to_string(), failing_streak: health.failing_streak },
        );
        let networks = network::endpoints(container.network.networks, network::short_id(&container.id), version);
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
            host_config: HostConfig { network_mode: network::mode(&container.network_mode).into_owned() },
            network_settings: Networks { networks },
            mounts: container.mounts.into_iter().map(MountPointOut::from).collect(),
            health: version.at_least(52).then_some(health),
            // Docker leaves 0 out here.
            size_rw: container.size.map(|size| size.written).filter(|bytes| *bytes > 0),
            size_root_fs: container.size.map(|size| size.whole),
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
            health: None,
            size: None,
        }
    }

    #[test]
    fn a_line_is_dockers_and_the_oracle_reads_it() {
        let summary = Summary::new(container(), ApiVersion::new(1, 51));
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
    fn health_is_asked_for_by_dockers_words() {
        let health = |text: &str| read_filters(&Filters::parse(text).unwrap()).map(|filters| filters.health);
        assert_eq!(health(r#"{"health":["none","healthy"]}"#).unwrap(), [Some(HealthStatus::Healthy), None]);
        let refused = health(r#"{"health":["fine"]}"#).unwrap_err();
        assert_eq!(refused.message(), "unrecognised filter value for health: fine");
    }

    #[test]
    fn sizes_and_health_are_shown_to_those_who_know_them() {
        let size = berth_engine::container::ContainerSize { written: 0, whole: 7 };
        let shown = |version| {
            let summary = Summary::new(ContainerSummary { size: Some(size), ..container() }, version);
            serde_json::to_value(summary).unwrap()
        };
        let new = shown(crate::CURRENT);
        assert_eq!(
            (new.get("SizeRw"), &new["SizeRootFs"], &new["Health"]["Status"]),
            (None, &7.into(), &"none".into())
        );
        assert_eq!(shown(ApiVersion::new(1, 51)).get("Health"), None);
    }
}
