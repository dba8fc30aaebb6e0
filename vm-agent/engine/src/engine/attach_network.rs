//! Putting a container on its network.

use super::Engine;
use crate::{
    Error, Result,
    container::{Definition, Endpoint, Live, NetworkMode, NetworkSettings},
    roster::Container,
    seam::{AttachedNetwork, setup_failed},
};
use berth_network::Origin;
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

/// Where a container came to be on the network.
pub(super) struct Placed {
    /// Its namespace; `None` for the machine's own.
    pub(super) namespace: Option<PathBuf>,
    /// What clients see.
    pub(super) settings: NetworkSettings,
}

impl Engine {
    /// Makes the container's place, and its namespace unless it is there. What an earlier attempt left is replaced.
    pub(super) async fn place(&self, definition: &Definition, origin: Origin) -> Result<Placed> {
        let network = &self.inner.seams.network;
        let failed = |e: berth_network::Error| setup_failed(&e);
        let (namespace, mut endpoint) = match &definition.host.network_mode {
            NetworkMode::Host => (None, Endpoint::default()),
            NetworkMode::None => {
                (Some(network.isolate(&definition.id, origin).await.map_err(failed)?), Endpoint::default())
            }
            NetworkMode::Default | NetworkMode::Bridge => {
                let AttachedNetwork { namespace, endpoint } =
                    network.attach(&definition.id, origin).await.map_err(failed)?;
                let endpoint = Endpoint {
                    address: Some(endpoint.address.into()),
                    prefix: endpoint.prefix,
                    gateway: Some(endpoint.gateway.into()),
                    mac: endpoint.mac.to_string(),
                    ..Endpoint::default()
                };
                (Some(namespace), endpoint)
            }
            NetworkMode::Container(id) => {
                let donor = self.network_donor(id)?;
                let key = donor.now()?.network.sandbox_key.clone();
                // It has none of its own when it is on the machine's, or on yet another container's.
                let namespace = match &donor.definition.host.network_mode {
                    NetworkMode::Host => None,
                    _ if key.is_empty() => Some(network_of_process(donor.now()?.life.details.pid)),
                    _ => Some(key.into()),
                };
                return Ok(Placed { namespace, settings: NetworkSettings::default() });
            }
            NetworkMode::Other(name) => return Err(Error::NoSuchNetwork(name.clone())),
        };
        let mut settings = NetworkSettings::default();
        if let Some(network) = self.network_of(&definition.host.network_mode) {
            endpoint.network_id = self.network_id(network.name);
            endpoint.endpoint_id = self.endpoint_id(&definition.id, network.name);
            settings.networks.insert(network.name.to_owned(), endpoint);
        }
        if let Some(namespace) = &namespace {
            settings.sandbox_id = definition.id.clone();
            settings.sandbox_key = namespace.to_string_lossy().into_owned();
        }
        settings.ports = definition.config.exposed_ports.iter().map(|port| (*port, vec![])).collect();
        Ok(Placed { namespace, settings })
    }

    /// Takes a container off its network and its ports off the host. What fails is logged: the rest has to go on, and
    /// the next start of the engine sweeps what is left.
    pub(super) async fn unplace(&self, container: &Container, live: &Live) {
        self.inner.seams.ports.withdraw(container.id()).await;
        if matches!(container.definition.host.network_mode, NetworkMode::Host | NetworkMode::Container(_)) {
            return;
        }
        if let Err(e) = self.inner.seams.network.detach(container.id(), bridge_address(&live.network)).await {
            tracing::warn!("{} stays on the network: {e}", container.definition.short_id());
        }
    }
}

fn network_of_process(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

/// The address that the bridge gave.
pub(super) fn bridge_address(settings: &NetworkSettings) -> Option<Ipv4Addr> {
    settings.networks.values().find_map(|endpoint| match endpoint.address {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    })
}

/// A container runs no more: it has no place on the network, nothing is published for it, and its ids are free.
pub(super) fn take_place_away(live: &mut Live) {
    live.network = unplaced(&live.network);
    live.publications.clear();
    live.users = None;
}

/// The settings of a container that does not run: which networks it will be on, and no numbers.
pub(super) fn unplaced(settings: &NetworkSettings) -> NetworkSettings {
    let networks = settings.networks.iter().map(|(name, endpoint)| {
        (name.clone(), Endpoint { network_id: endpoint.network_id.clone(), ..Endpoint::default() })
    });
    NetworkSettings { networks: networks.collect(), ..NetworkSettings::default() }
}
