//! What a request says of a network to make.

use berth_engine::network::{CreateNetwork, CreateSubnet};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a network is made of. `CheckDuplicate` of older clients is always so.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct NetworkIn {
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

#[cfg(test)]
mod tests {
    use super::*;

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
