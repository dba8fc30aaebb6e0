//! `/networks`.

use crate::{
    error::{ApiError, Reply},
    query::Query,
    wire::json,
};
use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use berth_engine::{
    Engine,
    network::{Network, NetworkFilters, NetworkMember},
};
use http::StatusCode;
use serde::Serialize;
use std::{collections::BTreeMap, net::IpAddr};

pub(crate) fn routes() -> Router<Engine> {
    Router::new().route("/networks", get(list)).route("/networks/{name}", get(inspect).post(act))
}

async fn list(State(engine): State<Engine>, query: Query) -> Reply {
    let filters = query.filters(&["driver", "id", "label", "name", "scope", "type"])?;
    let scopes = filters.values("scope");
    if !scopes.is_empty() && !scopes.iter().any(|scope| scope == "local") {
        return Ok(json::ok(&[(); 0]));
    }
    let filters = NetworkFilters {
        id: filters.values("id"),
        name: filters.values("name"),
        driver: filters.values("driver"),
        label: filters.values("label"),
        kind: filters.values("type"),
    };
    // The list leaves the members out, as docker's does: they are asked for one network at a time.
    let bare = |network| NetworkOut { containers: BTreeMap::new(), ..NetworkOut::from(network) };
    Ok(json::ok(&engine.list_networks(filters).await?.into_iter().map(bare).collect::<Vec<_>>()))
}

async fn inspect(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    Ok(json::ok(&NetworkOut::from(engine.inspect_network(&name).await?)))
}

/// `POST /networks/prune`, which is no route of its own, so that a network may have this name.
async fn act(Path(action): Path<String>, query: Query) -> Reply {
    if action != "prune" {
        return Err(ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("method not allowed: POST /networks/{action}"),
        ));
    }
    query.filters(&["label", "label!", "until"])?;
    // The engine's own network is never pruned, and it makes no others yet.
    Ok(json::ok(&Pruned { networks_deleted: None }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pruned {
    networks_deleted: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkOut {
    name: String,
    id: String,
    created: String,
    scope: &'static str,
    driver: String,
    #[serde(rename = "EnableIPv4")]
    enable_ipv4: bool,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: bool,
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    internal: bool,
    attachable: bool,
    ingress: bool,
    config_from: ConfigFrom,
    config_only: bool,
    containers: BTreeMap<String, Member>,
    options: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    driver: &'static str,
    options: Option<BTreeMap<String, String>>,
    config: Vec<IpamConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IpamConfig {
    subnet: String,
    gateway: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigFrom {
    network: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    name: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    mac_address: String,
    #[serde(rename = "IPv4Address")]
    ipv4_address: String,
    #[serde(rename = "IPv6Address")]
    ipv6_address: String,
}

impl From<Network> for NetworkOut {
    fn from(network: Network) -> Self {
        let config = |subnet: &berth_engine::network::Subnet| IpamConfig {
            subnet: format!("{}/{}", subnet.address, subnet.prefix),
            gateway: subnet.gateway.to_string(),
        };
        Self {
            name: network.name,
            id: network.id,
            created: network.created.rfc3339(),
            scope: "local",
            driver: network.driver,
            enable_ipv4: true,
            enable_ipv6: network.ipv6,
            ipam: Ipam { driver: "default", options: None, config: network.subnets.iter().map(config).collect() },
            internal: false,
            attachable: false,
            ingress: false,
            config_from: ConfigFrom { network: "" },
            config_only: false,
            containers: network.containers.into_iter().map(|(id, member)| (id, member.into())).collect(),
            options: network.options,
            labels: BTreeMap::new(),
        }
    }
}

impl From<NetworkMember> for Member {
    fn from(member: NetworkMember) -> Self {
        Self {
            name: member.name,
            endpoint_id: member.endpoint_id,
            mac_address: member.mac,
            ipv4_address: cidr(member.address),
            ipv6_address: cidr(member.address6),
        }
    }
}

fn cidr(address: Option<(IpAddr, u8)>) -> String {
    address.map(|(ip, bits)| format!("{ip}/{bits}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::{Timestamp, network::Subnet};

    #[test]
    fn a_network_is_dockers_and_the_oracle_reads_it() {
        let network = NetworkOut::from(Network {
            id: "ab".repeat(32),
            name: "bridge".into(),
            driver: "bridge".into(),
            created: Timestamp(1_700_000_000_000_000_000),
            subnets: vec![Subnet { address: [172, 17, 0, 0].into(), prefix: 16, gateway: [172, 17, 0, 1].into() }],
            ipv6: false,
            options: BTreeMap::new(),
            containers: BTreeMap::from([(
                "cd".repeat(32),
                NetworkMember {
                    name: "web".into(),
                    endpoint_id: "ef".repeat(32),
                    mac: "02:42:ac:11:00:02".into(),
                    address: Some(([172, 17, 0, 2].into(), 16)),
                    address6: None,
                },
            )]),
        });
        let text = serde_json::to_string(&network).unwrap();
        let read: bollard_stubs::models::NetworkInspect = serde_json::from_str(&text).unwrap();
        assert_eq!(read.ipam.unwrap().config.unwrap()[0].subnet.as_deref(), Some("172.17.0.0/16"));
        insta::assert_json_snapshot!(network);
    }
}
