//! `/networks`.

use crate::{
    detached,
    endpoint::{self, EndpointIn},
    error::{ApiError, Reply},
    moment,
    query::Query,
    version::ApiVersion,
    wire::json::{self, Document},
};
use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    response::IntoResponse,
    routing::{get, post},
};
use berth_engine::{
    Engine,
    network::{CreateNetwork, CreateSubnet, Network, NetworkFilters, NetworkMember, NetworkPruneFilters, Subnet},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

pub(crate) fn routes() -> Router<Engine> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/{name}", get(inspect).delete(remove).post(act))
        .route("/networks/{name}/connect", post(connect))
        .route("/networks/{name}/disconnect", post(disconnect))
}

async fn list(State(engine): State<Engine>, version: ApiVersion, query: Query) -> Reply {
    let filters = query.filters(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    let kinds = filters.values("type");
    if let Some(unknown) = kinds.iter().find(|kind| !matches!(kind.as_str(), "builtin" | "custom")) {
        return Err(ApiError::bad_request(format!("invalid filter: 'type'='{unknown}'")));
    }
    let filters = NetworkFilters {
        id: filters.values("id"),
        name: filters.values("name"),
        driver: filters.values("driver"),
        label: filters.values("label"),
        kind: kinds,
        scope: filters.values("scope"),
        dangling: filters.yes("dangling")?,
    };
    // The list leaves the members out, as docker's does: they are asked for one network at a time.
    let bare = |network| NetworkOut { containers: BTreeMap::new(), status: None, ..NetworkOut::new(network, version) };
    Ok(json::ok(&engine.list_networks(filters).await?.into_iter().map(bare).collect::<Vec<_>>()))
}

async fn inspect(State(engine): State<Engine>, Path(name): Path<String>, version: ApiVersion, query: Query) -> Reply {
    let network = engine.inspect_network(&name).await?;
    if query.get("scope").is_some_and(|scope| scope != "local") {
        return Err(ApiError::new(StatusCode::NOT_FOUND, format!("network {name} not found")));
    }
    Ok(json::ok(&NetworkOut::new(network, version)))
}

async fn remove(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    detached::run(async move { engine.remove_network(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /networks/create` and `/networks/prune`. They are no routes of their own, so that a network may have one of
/// these names.
async fn act(State(engine): State<Engine>, Path(action): Path<String>, query: Query, request: Request) -> Reply {
    match action.as_str() {
        "create" => create(engine, Document::from_request(request, &()).await?).await,
        "prune" => prune(engine, &query).await,
        _ => Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed: POST /networks/{action}"))),
    }
}

async fn create(engine: Engine, Document(asked): Document<NetworkIn>) -> Reply {
    let asked = CreateNetwork::from(asked.unwrap_or_default());
    let id = detached::run(async move { engine.create_network(asked).await }).await?;
    Ok(json::reply(StatusCode::CREATED, &Created { id, warning: "" }))
}

async fn prune(engine: Engine, query: &Query) -> Reply {
    let filters = query.filters(&["label", "label!", "until"])?;
    let filters = NetworkPruneFilters {
        until: moment::until_filter(&filters, moment::now())?,
        label: filters.values("label"),
        label_not: filters.values("label!"),
    };
    let removed = detached::run(async move { engine.prune_networks(filters).await }).await?;
    Ok(json::ok(&Pruned { networks_deleted: (!removed.is_empty()).then_some(removed) }))
}

async fn connect(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    Document(asked): Document<ConnectIn>,
) -> Reply {
    let ConnectIn { container, endpoint_config, .. } = asked.unwrap_or_default();
    let settings = endpoint::read(endpoint_config.unwrap_or_default())?;
    detached::run(async move { engine.connect_network(&name, &container, settings).await }).await?;
    Ok(StatusCode::OK.into_response())
}

/// `Force` is for networks that more than one engine has: here a container is taken off in any case.
async fn disconnect(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    Document(asked): Document<ConnectIn>,
) -> Reply {
    let container = asked.unwrap_or_default().container;
    detached::run(async move { engine.disconnect_network(&name, &container).await }).await?;
    Ok(StatusCode::OK.into_response())
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ConnectIn {
    container: String,
    endpoint_config: Option<EndpointIn>,
}

/// What a network is made of. `CheckDuplicate` of older clients is always so.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct NetworkIn {
    name: String,
    driver: Option<String>,
    scope: Option<String>,
    #[serde(rename = "EnableIPv4")]
    enable_ipv4: Option<bool>,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: Option<bool>,
    #[serde(rename = "IPAM")]
    ipam: Option<IpamIn>,
    internal: Option<bool>,
    attachable: Option<bool>,
    ingress: Option<bool>,
    config_only: Option<bool>,
    config_from: Option<ConfigFromIn>,
    options: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct IpamIn {
    driver: Option<String>,
    options: Option<BTreeMap<String, String>>,
    config: Option<Vec<IpamConfigIn>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct IpamConfigIn {
    subnet: Option<String>,
    #[serde(rename = "IPRange")]
    ip_range: Option<String>,
    gateway: Option<String>,
    #[serde(alias = "AuxAddress")]
    auxiliary_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ConfigFromIn {
    network: Option<String>,
}

impl From<NetworkIn> for CreateNetwork {
    fn from(asked: NetworkIn) -> Self {
        let ipam = asked.ipam.unwrap_or_default();
        let subnet = |config: IpamConfigIn| CreateSubnet {
            subnet: config.subnet.unwrap_or_default(),
            range: config.ip_range.unwrap_or_default(),
            gateway: config.gateway.unwrap_or_default(),
            auxiliary: config.auxiliary_addresses.unwrap_or_default(),
        };
        // Older IPv6 options are switches of the network by now.
        let mut options = asked.options.unwrap_or_default();
        options.retain(|key, _| key != "com.docker.network.enable_ipv6");
        Self {
            name: asked.name,
            driver: asked.driver.unwrap_or_default(),
            options,
            labels: asked.labels.unwrap_or_default(),
            ipam_driver: ipam.driver.unwrap_or_default(),
            ipam_options: ipam.options.unwrap_or_default(),
            subnets: ipam.config.unwrap_or_default().into_iter().map(subnet).collect(),
            ipv4: asked.enable_ipv4,
            ipv6: asked.enable_ipv6,
            internal: asked.internal.unwrap_or_default(),
            attachable: asked.attachable.unwrap_or_default(),
            ingress: asked.ingress.unwrap_or_default(),
            scope: asked.scope.unwrap_or_default(),
            config_only: asked.config_only.unwrap_or_default(),
            config_from: asked.config_from.and_then(|from| from.network).unwrap_or_default(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
    warning: &'static str,
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
    /// Since API 1.52.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
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
    #[serde(rename = "IPRange", skip_serializing_if = "Option::is_none")]
    ip_range: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    auxiliary_addresses: BTreeMap<String, String>,
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

#[derive(Serialize)]
struct Status {
    #[serde(rename = "IPAM")]
    ipam: IpamStatus,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IpamStatus {
    subnets: BTreeMap<String, SubnetStatus>,
}

#[derive(Serialize)]
struct SubnetStatus {
    #[serde(rename = "IPsInUse")]
    in_use: u64,
    #[serde(rename = "DynamicIPsAvailable")]
    available: u64,
}

impl NetworkOut {
    fn new(network: Network, version: ApiVersion) -> Self {
        let config = |subnet: &Subnet| IpamConfig {
            subnet: subnet.subnet.to_string(),
            ip_range: subnet.range.map(|range| range.to_string()),
            gateway: subnet.gateway.map(|gateway| gateway.to_string()),
            auxiliary_addresses: subnet.auxiliary.iter().map(|(name, ip)| (name.clone(), ip.to_string())).collect(),
        };
        // Docker's numbers are of 64 bits, and the largest stands for all above.
        let number = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        let status = |subnet: &Subnet| {
            let (in_use, available) = subnet.usage;
            (subnet.subnet.to_string(), SubnetStatus { in_use: number(in_use), available: number(available) })
        };
        let subnets: BTreeMap<_, _> = network.subnets.iter().map(status).collect();
        let status = (version.at_least(52) && !subnets.is_empty()).then_some(Status { ipam: IpamStatus { subnets } });
        Self {
            name: network.name,
            id: network.id,
            created: network.created.rfc3339(),
            scope: "local",
            driver: network.driver,
            enable_ipv4: network.ipv4,
            enable_ipv6: network.ipv6,
            ipam: Ipam {
                driver: "default",
                options: (!network.ipam_options.is_empty()).then_some(network.ipam_options),
                config: network.subnets.iter().map(config).collect(),
            },
            internal: network.internal,
            attachable: network.attachable,
            ingress: false,
            config_from: ConfigFrom { network: "" },
            config_only: false,
            containers: network.containers.into_iter().map(|(id, member)| (id, member.into())).collect(),
            options: network.options,
            labels: network.labels,
            status,
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
    use crate::version::CURRENT;
    use berth_engine::Timestamp;

    #[test]
    fn a_network_is_dockers_and_the_oracle_reads_it() {
        let member = NetworkMember {
            name: "web".into(),
            endpoint_id: "ef".repeat(32),
            mac: "02:42:ac:11:00:02".into(),
            address: Some(([172, 17, 0, 2].into(), 16)),
            address6: None,
        };
        let subnet = Subnet {
            subnet: "172.17.0.0/16".parse().unwrap(),
            range: None,
            gateway: Some([172, 17, 0, 1].into()),
            auxiliary: BTreeMap::new(),
            automatic: true,
            usage: (2, 65_532),
        };
        let network = Network {
            id: "ab".repeat(32),
            name: "bridge".into(),
            driver: "bridge".into(),
            created: Timestamp(1_700_000_000_000_000_000),
            subnets: vec![subnet],
            ipv4: true,
            ipv6: false,
            internal: false,
            attachable: false,
            ipam_options: BTreeMap::new(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            containers: BTreeMap::from([("cd".repeat(32), member)]),
        };
        let old = serde_json::to_value(NetworkOut::new(network.clone(), ApiVersion::new(1, 51))).unwrap();
        assert_eq!(old.get("Status"), None);
        let network = NetworkOut::new(network, CURRENT);
        let text = serde_json::to_string(&network).unwrap();
        let read: bollard_stubs::models::NetworkInspect = serde_json::from_str(&text).unwrap();
        assert_eq!(read.ipam.unwrap().config.unwrap()[0].subnet.as_deref(), Some("172.17.0.0/16"));
        insta::assert_json_snapshot!(network);
    }

    #[test]
    fn what_compose_asks_for_is_understood() {
        let asked: NetworkIn = serde_json::from_str(
            r#"{"Name": "app_default", "CheckDuplicate": true, "Driver": "bridge", "EnableIPv6": true, "ConfigFrom": null,
                "IPAM": {"Driver": "", "Config": [{"Subnet": "10.0.0.0/24", "IPRange": "10.0.0.128/25",
                    "Gateway": "10.0.0.1", "AuxiliaryAddresses": {"router": "10.0.0.5"}}, {}]},
                "Options": {"com.docker.network.bridge.enable_icc": "false"}, "Labels": {"a": "b"}}"#,
        )
        .unwrap();
        let asked = CreateNetwork::from(asked);
        assert_eq!((asked.name.as_str(), asked.ipv4, asked.ipv6), ("app_default", None, Some(true)));
        assert_eq!(
            (asked.subnets[0].range.as_str(), asked.subnets[0].auxiliary["router"].as_str()),
            ("10.0.0.128/25", "10.0.0.5")
        );
        assert_eq!(asked.subnets[1], CreateSubnet::default());
    }
}
