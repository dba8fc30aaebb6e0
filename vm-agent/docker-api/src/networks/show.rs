//! A network as lists and inspect show it.

use crate::version::ApiVersion;
use berth_engine::network::{Network, NetworkMember, Subnet};
use serde::Serialize;
use std::{collections::BTreeMap, net::IpAddr};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NetworkOut {
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
    /// As the list has it, without the members, as docker's: they are asked for one network at a time.
    pub(super) fn in_list(network: Network, version: ApiVersion) -> Self {
        Self { containers: BTreeMap::new(), status: None, ..Self::new(network, version) }
    }

    /// The whole.
    pub(super) fn new(network: Network, version: ApiVersion) -> Self {
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
}
