//! Publishing a container's ports on the host.

use super::Engine;
use crate::{
    ContainerPort, Error, Protocol, Result,
    container::{Definition, NetworkSettings, PortBinding},
    network::host_binding,
    port_link::fix_ports,
};
use berth_protocol::publish::{Moved, Publication, Transport};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

impl Engine {
    /// Publishes the container's ports; where the host listens is entered in `settings`.
    pub(super) async fn publish(
        &self,
        definition: &Definition,
        name: &str,
        settings: &mut NetworkSettings,
    ) -> Result<Vec<Publication>> {
        let Some((network, endpoint, address)) = self.published_at(&settings.networks) else { return Ok(vec![]) };
        let endpoint_id = endpoint.endpoint_id.clone();
        let row = self.network_of(network, endpoint)?;
        let mut wishes = wishes(definition, name, address);
        if let Some(default) = host_binding(&row.options)? {
            wishes.iter_mut().for_each(|(_, publication)| publication.host_ip = publication.host_ip.or(Some(default)));
        }
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

    /// Where the host listens now is entered, or that it does not; there is a word on every publication of a container.
    pub(super) async fn ports_moved(&self, news: Vec<Moved>) {
        let mut by_container: BTreeMap<String, BTreeMap<ContainerPort, Vec<SocketAddr>>> = BTreeMap::new();
        for Moved { publication, addresses } in news {
            let port = container_port(&publication);
            if addresses.is_empty() {
                let (name, port) = (&publication.name, publication.host_port);
                tracing::warn!("the port {port} of {name} is not published now; see why with: berth ports");
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
}

/// The port that a publication is of.
fn container_port(publication: &Publication) -> ContainerPort {
    let protocol = match publication.transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
    };
    ContainerPort { number: publication.target.port(), protocol }
}

/// What is to be published: the bindings asked for, and with `-P` every other exposed port.
fn wishes(definition: &Definition, name: &str, address: IpAddr) -> Vec<(ContainerPort, Publication)> {
    let bindings: &BTreeMap<_, _> = &definition.host.port_bindings;
    let publication = |port: ContainerPort, binding: &PortBinding| {
        let publication = Publication {
            container: definition.id.clone(),
            name: name.to_owned(),
            host_ip: binding.ip,
            host_port: binding.port,
            host_port_last: binding.last_port,
            target: SocketAddr::new(address, port.number),
            transport: transport(port.protocol)?,
        };
        Some((port, publication))
    };
    let asked = bindings.iter().flat_map(|(port, bindings)| bindings.iter().map(|binding| (*port, binding)));
    let anywhere = PortBinding::default();
    let exposed = definition.config.exposed_ports.iter().filter(|_| definition.host.publish_all_ports);
    let rest = exposed.filter(|port| bindings.get(port).is_none_or(Vec::is_empty)).map(|port| (*port, &anywhere));
    asked.chain(rest).filter_map(|(port, binding)| publication(port, binding)).collect()
}

/// How a protocol is carried; SCTP is not.
const fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Sctp => None,
    }
}
