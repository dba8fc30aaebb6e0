//! The networks there are: the default bridge, the machine's own, and none.

use super::Engine;
use crate::{
    Error, Result,
    container::NetworkMode,
    filter,
    network::{Network, NetworkFilters, NetworkMember, Subnet},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A network that is always there.
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) driver: &'static str,
}

const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn { name: "bridge", driver: "bridge" },
    BuiltIn { name: "host", driver: "host" },
    BuiltIn { name: "none", driver: "null" },
];

impl Engine {
    /// The networks that fit.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn list_networks(&self, filters: NetworkFilters) -> Result<Vec<Network>> {
        let any = |wanted: &[String], fits: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|w| fits(w));
        Ok(BUILT_IN
            .iter()
            .map(|network| self.describe(network))
            .filter(|network| {
                any(&filters.id, &|id| network.id.starts_with(id))
                    && any(&filters.name, &|name| filter::name_fits(name, &network.name))
                    && any(&filters.driver, &|driver| network.driver == driver)
                    && any(&filters.kind, &|kind| kind == "builtin")
                    && filters.label.is_empty()
            })
            .collect())
    }

    /// One network, by name, id or prefix of an id.
    ///
    /// # Errors
    /// No such network.
    pub async fn inspect_network(&self, name: &str) -> Result<Network> {
        let missing = || Error::NoSuchNetwork(name.to_owned());
        if name.is_empty() {
            return Err(missing());
        }
        let by_name = BUILT_IN.iter().find(|network| network.name == name);
        let network =
            by_name.or_else(|| BUILT_IN.iter().find(|network| self.network_id(network.name).starts_with(name)));
        network.map(|network| self.describe(network)).ok_or_else(missing)
    }

    /// The network that a mode means.
    pub(super) fn network_of(&self, mode: &NetworkMode) -> Option<&'static BuiltIn> {
        let name = match mode {
            NetworkMode::Default | NetworkMode::Bridge => "bridge",
            NetworkMode::Host => "host",
            NetworkMode::None => "none",
            NetworkMode::Other(_) | NetworkMode::Container(_) => return None,
        };
        BUILT_IN.iter().find(|network| network.name == name)
    }

    /// The same at every start, another for every engine.
    pub(super) fn network_id(&self, name: &str) -> String {
        hex::encode(Sha256::digest(format!("network {name} of {}", self.inner.id)))
    }

    /// One for each container and network.
    pub(super) fn endpoint_id(&self, container: &str, network: &str) -> String {
        hex::encode(Sha256::digest(format!("endpoint of {container} on {network} of {}", self.inner.id)))
    }

    fn describe(&self, network: &BuiltIn) -> Network {
        let bridge = self.inner.seams.network.bridge();
        let on_bridge = network.name == "bridge";
        let members = self.inner.roster.all().into_iter().filter_map(|container| {
            let live = container.now().ok()?;
            let endpoint = live.network.networks.get(network.name).filter(|_| live.life.runs())?;
            let member = NetworkMember {
                name: live.name.clone(),
                endpoint_id: endpoint.endpoint_id.clone(),
                mac: endpoint.mac.clone(),
                address: endpoint.address.map(|address| (address, endpoint.prefix)),
                address6: endpoint.address6.map(|address| (address, endpoint.prefix6)),
            };
            Some((container.id().to_owned(), member))
        });
        let subnet = Subnet { address: bridge.subnet.into(), prefix: bridge.prefix, gateway: bridge.gateway.into() };
        let options: BTreeMap<String, String> = [
            ("com.docker.network.bridge.default_bridge", "true"),
            ("com.docker.network.bridge.enable_icc", "true"),
            ("com.docker.network.bridge.enable_ip_masquerade", "true"),
            ("com.docker.network.bridge.name", bridge.interface.as_str()),
            ("com.docker.network.driver.mtu", "1500"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        Network {
            id: self.network_id(network.name),
            name: network.name.to_owned(),
            driver: network.driver.to_owned(),
            created: self.inner.started,
            subnets: if on_bridge { vec![subnet] } else { vec![] },
            ipv6: false,
            options: if on_bridge { options } else { BTreeMap::new() },
            containers: members.collect(),
        }
    }
}
