//! Putting a container on one more network, and taking it off one.

use super::{
    Engine,
    attach_network::{interfaces, mode_name},
    hosts::link_parts,
    to_the_end,
};
use crate::{
    Error, Result,
    container::{ContainerState, CreateContainer, Endpoint, EndpointSettings, HostConfig, NetworkMode},
    network::{HOST, NONE, NetworkRow},
    roster::Container,
};
use berth_network::{InterfacePlan, MacAddress};
use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

impl Engine {
    /// The networks that a container asks for, each once and by its name.
    ///
    /// # Errors
    /// No such network, and what a network does not give.
    pub(super) fn networks_asked(&self, request: &CreateContainer) -> Result<BTreeMap<String, Endpoint>> {
        let mode = &request.host.network_mode;
        check_links(&request.host)?;
        for link in &request.host.links {
            let (name, _) = link_parts(link)?;
            self.inner
                .roster
                .find(name)
                .map_err(|e| Error::InvalidParameter(format!("could not get container for {name}: {e}")))?;
        }
        let own = mode_name(mode);
        let mut networks = BTreeMap::new();
        if matches!(mode, NetworkMode::Container(_)) {
            if request.networks.values().any(|asked| *asked != EndpointSettings::default()) {
                return Err(shared_network());
            }
            return Ok(networks);
        }
        let mut asked = request.networks.clone();
        if let Some(settings) = asked.remove("default") {
            asked.entry(own.to_owned()).or_insert(settings);
        }
        if asked.is_empty() || matches!(mode, NetworkMode::Named(_)) {
            asked.entry(own.to_owned()).or_default();
        }
        for (given, settings) in asked {
            // Not as something that was not found: a client would take that for the image, and pull it.
            let row = self.inner.networks.find(&given).map_err(|e| Error::InvalidParameter(e.to_string()))?;
            self.check_endpoint(&row, &settings)?;
            let endpoint = Endpoint { asked: settings, network_id: row.id.clone(), ..Endpoint::default() };
            // A network may be given by its name and by its id: what is asked for counts.
            match networks.get(&row.name) {
                Some(Endpoint { asked, .. }) if *asked != EndpointSettings::default() => {}
                _ => drop(networks.insert(row.name.clone(), endpoint)),
            }
        }
        if networks.len() > 1 && networks.contains_key(NONE) {
            return Err(private_network());
        }
        if networks.len() > 1 && networks.contains_key(HOST) {
            return Err(shared_network());
        }
        Ok(networks)
    }

    /// Puts a container on a network, at once when it runs.
    ///
    /// # Errors
    /// Docker's sentences.
    pub async fn connect_network(&self, network: &str, container: &str, asked: EndpointSettings) -> Result<()> {
        let row = self.inner.networks.find(network)?;
        let container = self.inner.roster.find(container)?;
        let engine = self.clone();
        to_the_end(async move {
            let _one_at_a_time = container.operation.lock().await;
            let _nobody_leaves = container.places.lock().await;
            engine.connect(&row, &container, asked).await
        })
        .await
    }

    async fn connect(&self, row: &Arc<NetworkRow>, container: &Container, asked: EndpointSettings) -> Result<()> {
        let live = container.now()?;
        let name = &row.name;
        self.check_connection(row, container, &live.network.networks)?;
        self.check_endpoint(row, &asked)?;
        let fresh = Endpoint { asked, network_id: row.id.clone(), ..Endpoint::default() };
        if !live.life.runs() {
            self.change(container, |live| {
                live.network.networks.insert(name.clone(), fresh);
                Ok(())
            })
            .await?;
            return Ok(());
        }
        if live.network.networks.get(name).is_some_and(|endpoint| !endpoint.endpoint_id.is_empty()) {
            let own = &live.name;
            return Err(Error::Forbidden(format!("endpoint with name {own} already exists in network {name}")));
        }
        let mut networks = live.network.networks.clone();
        let joined = self.join_network(container.id(), name, &fresh, &interfaces(&networks)).await?;
        networks.insert(name.clone(), joined.clone());
        let kept = async {
            self.route(container.id(), &networks).await?;
            self.change(container, |live| {
                if !live.life.runs() {
                    return Err(Error::NotRunning(container.id().to_owned()));
                }
                live.network.networks = networks;
                Ok(())
            })
            .await
        };
        if let Err(e) = kept.await {
            self.leave_network(container.id(), &joined).await;
            return Err(e);
        }
        let (definition, namespace) = (&container.definition, Path::new(&live.network.sandbox_key));
        let now = container.now()?;
        let served =
            self.begin_to_serve_names(definition, namespace, &live.network.networks, &now.network.networks).await;
        if let Err(e) = served {
            tracing::warn!("{} cannot resolve the names of {name}: {e}", live.name);
        }
        self.add_to_hosts(container, &joined);
        self.publish_anew(container).await;
        self.tell_of_network(row, "connect", &[("container", container.id())]);
        Ok(())
    }

    fn check_connection(
        &self,
        row: &NetworkRow,
        container: &Container,
        networks: &BTreeMap<String, Endpoint>,
    ) -> Result<()> {
        let live = container.now()?;
        if matches!(live.life.status(), ContainerState::Removing | ContainerState::Dead) {
            return Err(Error::Conflict(format!(
                "container {} is marked for removal and cannot be connected or disconnected to the network",
                container.id()
            )));
        }
        let mode = &container.definition.host.network_mode;
        if matches!(mode, NetworkMode::Container(_)) {
            return Err(shared_network());
        }
        if row.name == HOST || networks.contains_key(HOST) {
            return Err(Error::InvalidParameter(
                "container cannot be disconnected from host network or connected to host network".to_owned(),
            ));
        }
        if row.name == NONE && !networks.is_empty() || networks.contains_key(NONE) {
            return Err(private_network());
        }
        Ok(())
    }

    /// Takes a container off a network, at once when it runs.
    ///
    /// # Errors
    /// Docker's sentences.
    pub async fn disconnect_network(&self, network: &str, container: &str) -> Result<()> {
        let container = self.inner.roster.find(container)?;
        // A container may still be meant for a network that is gone.
        let row = self.inner.networks.find(network);
        let name = row.as_ref().map_or_else(|_| network.to_owned(), |row| row.name.clone());
        if row.is_err() && !container.now()?.network.networks.contains_key(&name) {
            return row.map(drop);
        }
        let engine = self.clone();
        to_the_end(async move {
            let _one_at_a_time = container.operation.lock().await;
            let _nobody_leaves = container.places.lock().await;
            engine.disconnect(row.ok(), &name, &container).await
        })
        .await
    }

    async fn disconnect(&self, row: Option<Arc<NetworkRow>>, name: &str, container: &Container) -> Result<()> {
        let live = container.now()?;
        if matches!(live.life.status(), ContainerState::Removing | ContainerState::Dead) {
            return Err(Error::Conflict(format!(
                "container {} is marked for removal and cannot be connected or disconnected to the network",
                container.id()
            )));
        }
        if name == HOST && live.network.networks.contains_key(HOST) {
            return Err(Error::InvalidParameter(
                "container cannot be disconnected from host network or connected to host network".to_owned(),
            ));
        }
        let Some(endpoint) = live.network.networks.get(name).cloned() else {
            return Err(Error::Forbidden(format!(
                "container {} is not connected to the network {name}",
                container.id()
            )));
        };
        let runs = live.life.runs();
        if runs && !endpoint.interface.is_empty() {
            self.leave_network(container.id(), &endpoint).await;
        }
        let now = self
            .change(container, |live| {
                live.network.networks.remove(name);
                Ok(())
            })
            .await?;
        if runs {
            self.route(container.id(), &now.network.networks).await?;
            self.remove_from_hosts(container, &endpoint);
            self.publish_anew(container).await;
            if let Some(row) = row {
                self.tell_of_network(&row, "disconnect", &[("container", container.id())]);
            }
        }
        Ok(())
    }

    async fn leave_network(&self, container: &str, endpoint: &Endpoint) {
        let interface = InterfacePlan {
            endpoint: endpoint.endpoint_id.clone(),
            name: endpoint.interface.clone(),
            mac: endpoint.mac.parse().unwrap_or(MacAddress([0; 6])),
            addresses: vec![],
            sysctls: vec![],
        };
        if let Err(e) = self.inner.seams.network.leave(container, &interface).await {
            tracing::warn!("{} keeps an interface: {e}", &container[..12]);
        }
        self.inner.networks.leave(&endpoint.network_id, container);
    }

    async fn route(&self, container: &str, networks: &BTreeMap<String, Endpoint>) -> Result<()> {
        let routes = self.default_routes(networks);
        self.inner.seams.network.route(container, &routes).await.map_err(|e| Error::Internal(e.to_string()))
    }

    /// The way out may be another one: the same ports of the host lead there.
    async fn publish_anew(&self, container: &Container) {
        let Ok(live) = container.now() else { return };
        let Some(before) = live.publications.first().map(|publication| publication.target.ip()) else { return };
        let at = self.published_at(&live.network.networks).map(|(_, _, address)| address);
        if at == Some(before) {
            return;
        }
        self.inner.seams.ports.withdraw(container.id()).await;
        let mut moved = live.publications.clone();
        let mut published = Ok(vec![]);
        if let Some(address) = at {
            for publication in &mut moved {
                publication.target = SocketAddr::new(address, publication.target.port());
            }
            published = self.inner.seams.ports.publish(moved.clone()).await;
        }
        if let Err(e) = &published {
            tracing::warn!("the ports of {} are published no more: {e}", live.name);
        }
        let nowhere = at.is_none() || published.is_err();
        let entered = self.change(container, |live| {
            // What it was published as is what it will be again, once it has a way out.
            live.publications = moved;
            if nowhere {
                live.network.ports.values_mut().for_each(Vec::clear);
            }
            Ok(())
        });
        if let Err(e) = entered.await {
            tracing::warn!("where {} is published could not be kept: {e}", container.definition.short_id());
        }
    }
}

fn check_links(host: &HostConfig) -> Result<()> {
    let kind = match host.network_mode {
        NetworkMode::Host => "host",
        NetworkMode::Container(_) => "container",
        _ => return Ok(()),
    };
    if host.links.is_empty() {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!(
        "conflicting options: {kind} type networking can't be used with links. This would result in undefined behavior"
    )))
}

fn shared_network() -> Error {
    Error::InvalidParameter(
        "container sharing network namespace with another container or host cannot be connected to any other network"
            .to_owned(),
    )
}

fn private_network() -> Error {
    Error::InvalidParameter(
        "container cannot be connected to multiple networks with one of the networks in private (none) mode".to_owned(),
    )
}
