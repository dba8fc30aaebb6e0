//! Where a container is on the network, as lists and inspect show it.

use crate::version::ApiVersion;
use berth_engine::container::{Endpoint, NetworkMode, NetworkSettings};
use serde::Serialize;
use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

/// One network of a container.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EndpointOut {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<IpamOut>,
    links: Option<Vec<String>>,
    aliases: Option<Vec<String>>,
    driver_opts: Option<BTreeMap<String, String>>,
    gw_priority: i64,
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    gateway: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    mac_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "DNSNames")]
    dns_names: Option<Vec<String>>,
}

/// The addresses that were asked for.
#[derive(Clone, Serialize)]
struct IpamOut {
    #[serde(rename = "IPv4Address", skip_serializing_if = "Option::is_none")]
    v4: Option<String>,
    #[serde(rename = "IPv6Address", skip_serializing_if = "Option::is_none")]
    v6: Option<String>,
}

/// `NetworkSettings` of inspect.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SettingsOut {
    #[serde(rename = "SandboxID")]
    sandbox_id: String,
    sandbox_key: String,
    ports: BTreeMap<String, Option<Vec<BindingOut>>>,
    #[serde(flatten)]
    legacy: Option<Legacy>,
    networks: BTreeMap<String, EndpointOut>,
}

/// One address that the host listens on.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BindingOut {
    pub(super) host_ip: String,
    pub(super) host_port: String,
}

/// The default network's numbers once more, which docker showed here up to API 1.51; scripts read
/// `.NetworkSettings.IPAddress`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Legacy {
    bridge: &'static str,
    hairpin_mode: bool,
    #[serde(rename = "LinkLocalIPv6Address")]
    link_local_ipv6_address: &'static str,
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    link_local_ipv6_prefix_len: u8,
    #[serde(rename = "SecondaryIPAddresses")]
    secondary_ip_addresses: Option<()>,
    #[serde(rename = "SecondaryIPv6Addresses")]
    secondary_ipv6_addresses: Option<()>,
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    mac_address: String,
}

/// Docker's word for a network mode.
pub(super) fn mode(mode: &NetworkMode) -> Cow<'_, str> {
    match mode {
        // Docker's API resolves the default at create.
        NetworkMode::Default | NetworkMode::Bridge => "bridge".into(),
        NetworkMode::None => "none".into(),
        NetworkMode::Host => "host".into(),
        NetworkMode::Container(id) => format!("container:{id}").into(),
        NetworkMode::Named(name) => name.into(),
    }
}

/// The first twelve digits of an id.
pub(super) fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The networks of a container by name.
pub(super) fn endpoints(
    networks: BTreeMap<String, Endpoint>,
    short_id: &str,
    version: ApiVersion,
) -> BTreeMap<String, EndpointOut> {
    let shown = |(name, endpoint): (String, Endpoint)| {
        let named = !endpoint.dns_names.is_empty();
        let mut out = EndpointOut::from(endpoint);
        // Up to API 1.44 the short id was among the aliases.
        if named && !version.at_least(45) {
            out.aliases.get_or_insert_default().push(short_id.to_owned());
        }
        (name, out)
    };
    networks.into_iter().map(shown).collect()
}

impl SettingsOut {
    pub(super) fn new(settings: NetworkSettings, short_id: &str, version: ApiVersion) -> Self {
        let networks = endpoints(settings.networks, short_id, version);
        let binding = |address: std::net::SocketAddr| BindingOut {
            host_ip: address.ip().to_string(),
            host_port: address.port().to_string(),
        };
        let published =
            |addresses: Vec<_>| (!addresses.is_empty()).then(|| addresses.into_iter().map(binding).collect());
        Self {
            sandbox_id: settings.sandbox_id,
            sandbox_key: settings.sandbox_key,
            ports: settings.ports.into_iter().map(|(port, to)| (port.to_string(), published(to))).collect(),
            legacy: (!version.at_least(52)).then(|| Legacy::from(networks.get("bridge").cloned())),
            networks,
        }
    }
}

impl From<Endpoint> for EndpointOut {
    fn from(endpoint: Endpoint) -> Self {
        let text = |ip: Option<IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let asked = endpoint.asked;
        let (v4, v6) = (asked.v4.map(|ip| ip.to_string()), asked.v6.map(|ip| ip.to_string()));
        let mac = if endpoint.mac.is_empty() { asked.mac } else { endpoint.mac };
        Self {
            ipam_config: (v4.is_some() || v6.is_some()).then_some(IpamOut { v4, v6 }),
            links: some(asked.links),
            aliases: some(asked.aliases),
            driver_opts: (!asked.options.is_empty()).then_some(asked.options),
            gw_priority: asked.gateway_priority,
            network_id: endpoint.network_id,
            endpoint_id: endpoint.endpoint_id,
            gateway: text(endpoint.gateway),
            ip_address: text(endpoint.address),
            mac_address: mac,
            ip_prefix_len: endpoint.prefix,
            ipv6_gateway: text(endpoint.gateway6),
            global_ipv6_address: text(endpoint.address6),
            global_ipv6_prefix_len: endpoint.prefix6,
            dns_names: some(endpoint.dns_names),
        }
    }
}

impl From<Option<EndpointOut>> for Legacy {
    fn from(endpoint: Option<EndpointOut>) -> Self {
        let endpoint = endpoint.unwrap_or_else(|| Endpoint::default().into());
        Self {
            bridge: "",
            hairpin_mode: false,
            link_local_ipv6_address: "",
            link_local_ipv6_prefix_len: 0,
            secondary_ip_addresses: None,
            secondary_ipv6_addresses: None,
            endpoint_id: endpoint.endpoint_id,
            gateway: endpoint.gateway,
            global_ipv6_address: endpoint.global_ipv6_address,
            global_ipv6_prefix_len: endpoint.global_ipv6_prefix_len,
            ip_address: endpoint.ip_address,
            ip_prefix_len: endpoint.ip_prefix_len,
            ipv6_gateway: endpoint.ipv6_gateway,
            mac_address: endpoint.mac_address,
        }
    }
}
