//! Putting a container on its network and its ports on the host.

use super::Engine;
use crate::{
    ContainerPort, Error, Protocol, Result,
    container::{Definition, Endpoint, Live, NetworkMode, NetworkSettings},
    port_link::fix_ports,
    roster::Container,
    seam::{AttachedNetwork, setup_failed},
};
use berth_network::Origin;
use berth_protocol::publish::{Publication, Transport};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
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

    /// Publishes the container's ports; where the host listens is entered in `settings`.
    pub(super) async fn publish(
        &self,
        definition: &Definition,
        name: &str,
        settings: &mut NetworkSettings,
    ) -> Result<Vec<Publication>> {
        let Some(endpoint) = settings.networks.values().find(|endpoint| endpoint.address.is_some()) else {
            return Ok(vec![]);
        };
        let Some(address) = endpoint.address else { return Ok(vec![]) };
        let endpoint_id = endpoint.endpoint_id.clone();
        let wishes = wishes(definition, name, address);
        if wishes.is_empty() {
            return Ok(vec![]);
        }
        let (ports, publications): (Vec<_>, Vec<_>) = wishes.into_iter().unzip();
        let addresses = self.inner.seams.ports.publish(publications.clone()).await.map_err(|e| {
            Error::PortRefused(format!(
                "failed to set up container networking: driver failed programming external connectivity on endpoint {name} ({endpoint_id}): {e}"
            ))
        })?;
        for (port, addresses) in ports.iter().zip(&addresses) {
            settings.ports.entry(*port).or_default().extend(addresses);
        }
        Ok(fix_ports(publications, &addresses))
    }

    /// A host connected and was told what should be published: where it listens is entered, or that it does not.
    pub(super) async fn ports_taken_up(&self, news: Vec<(Publication, Vec<SocketAddr>)>) {
        let mut by_container: BTreeMap<String, BTreeMap<ContainerPort, Vec<SocketAddr>>> = BTreeMap::new();
        for (publication, addresses) in news {
            let port = ContainerPort { number: publication.target.port(), protocol: Protocol::Tcp };
            if addresses.is_empty() {
                let (name, port) = (&publication.name, publication.host_port);
                tracing::warn!("the port {port} of {name} is no longer published: another program has it");
            }
            by_container.entry(publication.container).or_default().entry(port).or_default().extend(addresses);
        }
        for (id, ports) in by_container {
            let Ok(container) = self.inner.roster.find(&id) else { continue };
            let stale = container.now().is_ok_and(|live| {
                live.life.runs() && ports.iter().any(|(port, at)| live.network.ports.get(port) != Some(at))
            });
            if !stale {
                continue;
            }
            let entered = self.change(&container, |live| {
                if live.life.runs() {
                    live.network.ports.extend(ports);
                }
                Ok(())
            });
            if let Err(e) = entered.await {
                tracing::warn!("where {id} is published could not be kept: {e}");
            }
        }
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

/// What is to be published: the bindings asked for, and with `-P` every other exposed port.
fn wishes(definition: &Definition, name: &str, address: IpAddr) -> Vec<(ContainerPort, Publication)> {
    let bindings: &BTreeMap<_, _> = &definition.host.port_bindings;
    let publication = |port: ContainerPort, host_ip, host_port| Publication {
        container: definition.id.clone(),
        name: name.to_owned(),
        host_ip,
        host_port,
        target: SocketAddr::new(address, port.number),
        transport: Transport::Tcp,
    };
    let mut wishes: Vec<_> = bindings
        .iter()
        .flat_map(|(port, bindings)| bindings.iter().map(|b| (*port, publication(*port, b.ip, b.port))))
        .collect();
    if definition.host.publish_all_ports {
        let rest = definition
            .config
            .exposed_ports
            .iter()
            .filter(|port| port.protocol == Protocol::Tcp && bindings.get(port).is_none_or(Vec::is_empty));
        wishes.extend(rest.map(|port| (*port, publication(*port, None, 0))));
    }
    wishes
}
