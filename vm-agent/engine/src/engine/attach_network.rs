//! Putting a container on its networks when it starts, and taking it off when it ends.

use super::Engine;
use crate::{
    Error, Result,
    container::{Definition, Endpoint, EndpointSettings, Live, NetworkMode, NetworkSettings},
    network::{Asked, Driver, NetworkRow, asked_interface, asked_sysctls, interface_prefix},
    roster::Container,
    seam::setup_failed,
};
use berth_network::{DefaultRoute, DefaultRoutes, InterfacePlan, IpNet, IpvlanMode, MacAddress, NetworkKind, Origin};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
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
    pub(super) async fn place(&self, definition: &Definition, live: &Live, origin: Origin) -> Result<Placed> {
        let mut settings = unplaced(&live.network);
        let own = mode_name(&definition.host.network_mode);
        if settings.networks.is_empty() && !own.is_empty() {
            // As docker: who left every network is on its first one again.
            let network_id = self.inner.networks.find(own)?.id.clone();
            settings.networks.insert(own.to_owned(), Endpoint { network_id, ..Endpoint::default() });
        }
        let namespace = match &definition.host.network_mode {
            NetworkMode::Host => {
                if let Some(endpoint) = settings.networks.values_mut().next() {
                    endpoint.endpoint_id = self.endpoint_id(&definition.id, &endpoint.network_id);
                }
                None
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
            NetworkMode::Default | NetworkMode::Bridge | NetworkMode::None | NetworkMode::Named(_) => {
                let opened = self.inner.seams.network.open(&definition.id, origin).await;
                let namespace = opened.map_err(|e| setup_failed(&e))?;
                if let Err(e) = self.furnish(definition, &namespace, &mut settings.networks).await {
                    self.vacate(&definition.id, &settings.networks).await;
                    return Err(in_setup(e));
                }
                settings.sandbox_id = definition.id.clone();
                settings.sandbox_key = namespace.to_string_lossy().into_owned();
                Some(namespace)
            }
        };
        settings.ports = definition.config.exposed_ports.iter().map(|port| (*port, vec![])).collect();
        Ok(Placed { namespace, settings })
    }

    /// Joins every network, that of the mode first, and opens the name server.
    async fn furnish(
        &self,
        definition: &Definition,
        namespace: &Path,
        networks: &mut BTreeMap<String, Endpoint>,
    ) -> Result<()> {
        let first = mode_name(&definition.host.network_mode).to_owned();
        let mut names: Vec<String> = networks.keys().cloned().collect();
        names.sort_by_key(|name| *name != first);
        for name in names {
            let Some(asked) = networks.get(&name).cloned() else { continue };
            let interfaces = interfaces(networks);
            let joined = self.join_network(&definition.id, &name, &asked, &interfaces).await?;
            networks.insert(name, joined);
        }
        let routes = self.default_routes(networks);
        self.inner.seams.network.route(&definition.id, &routes).await.map_err(|e| Error::Internal(e.to_string()))?;
        self.serve_names(definition, namespace, networks).await
    }

    /// Puts a container whose namespace is open on a network; its place there.
    pub(super) async fn join_network(
        &self,
        container: &str,
        name: &str,
        endpoint: &Endpoint,
        interfaces: &BTreeSet<String>,
    ) -> Result<Endpoint> {
        let row = self.network_of(name, endpoint)?;
        let mut placed = Endpoint {
            asked: endpoint.asked.clone(),
            network_id: row.id.clone(),
            endpoint_id: self.endpoint_id(container, &row.id),
            ..Endpoint::default()
        };
        let row = self.settled(row).await?;
        let Some(plan) = row.plan()? else { return Ok(placed) };
        let asked = &endpoint.asked;
        let place = self.inner.networks.enter(&row.id, container, Asked { v4: asked.v4, v6: asked.v6 })?;
        // Nobody else moves it from here on: as it is now is as it stays.
        let row = self.inner.networks.by_id(&row.id).unwrap_or(row);
        let plan = row.plan()?.unwrap_or(plan);
        placed.interface = match asked_interface(&asked.options)? {
            Some(name) => name.to_owned(),
            None => free_name(interface_prefix(&row.options)?, interfaces),
        };
        let own_mac = !matches!(plan.kind, NetworkKind::Ipvlan { .. });
        let mac = match asked.mac.as_str() {
            "" => place.v4.map_or_else(|| MacAddress::of_id(&placed.endpoint_id), |(v4, _)| MacAddress::of(v4)),
            text => text.parse().map_err(|e: berth_network::Error| Error::InvalidParameter(e.to_string()))?,
        };
        if own_mac {
            placed.mac = mac.to_string();
        }
        let gateway = |v6: bool| {
            let gateways = row.subnets.iter().filter_map(|subnet| subnet.gateway).filter(|_| !row.internal);
            gateways.into_iter().find(|gateway| gateway.is_ipv6() == v6)
        };
        let mut addresses = Vec::new();
        if let Some((v4, prefix)) = place.v4 {
            (placed.address, placed.prefix, placed.gateway) = (Some(v4.into()), prefix, gateway(false));
            addresses.extend(IpNet::new(v4.into(), prefix).ok());
        }
        if let Some((v6, prefix)) = place.v6 {
            (placed.address6, placed.prefix6, placed.gateway6) = (Some(v6.into()), prefix, gateway(true));
            addresses.extend(IpNet::new(v6.into(), prefix).ok());
        }
        let interface = InterfacePlan {
            endpoint: placed.endpoint_id.clone(),
            name: placed.interface.clone(),
            mac,
            addresses,
            sysctls: asked_sysctls(&asked.options, &placed.interface)?,
        };
        if let Err(e) = self.inner.seams.network.join(container, &plan, &interface).await {
            self.inner.networks.leave(&row.id, container);
            return Err(Error::Internal(e.to_string()));
        }
        Ok(placed)
    }

    /// The network of an endpoint: by its id, since another may have its name meanwhile, but for those that are always
    /// there.
    pub(super) fn network_of(&self, name: &str, endpoint: &Endpoint) -> Result<Arc<NetworkRow>> {
        match self.inner.networks.by_id(&endpoint.network_id) {
            Some(row) => Ok(row),
            None if endpoint.network_id.is_empty() => self.inner.networks.find(name),
            None => Err(Error::NoSuchNetwork(endpoint.network_id.clone())),
        }
    }

    /// Takes a container off its networks and its ports off the host. What fails is logged: the rest has to go on, and
    /// the next start of the engine sweeps what is left.
    pub(super) async fn unplace(&self, container: &Container, live: &Live) {
        self.inner.seams.ports.withdraw(container.id()).await;
        if matches!(container.definition.host.network_mode, NetworkMode::Host | NetworkMode::Container(_)) {
            return;
        }
        let _nobody_connects = container.places.lock().await;
        // Somebody may have connected it since the caller looked.
        let live = container.now().map_or_else(|_| live.network.clone(), |now| now.network.clone());
        self.vacate(container.id(), &live.networks).await;
    }

    async fn vacate(&self, container: &str, networks: &BTreeMap<String, Endpoint>) {
        self.inner.seams.names.close(container);
        let endpoints: Vec<String> =
            networks.values().map(|endpoint| self.endpoint_id(container, &endpoint.network_id)).collect();
        if let Err(e) = self.inner.seams.network.close(container, &endpoints).await {
            tracing::warn!("{} stays on the network: {e}", &container[..12]);
        }
        self.inner.networks.leave_all(container);
    }

    /// Where a container's packets go: through the network of the highest priority, then the first by name, that leads
    /// out. Each family by itself, as docker.
    pub(super) fn default_routes(&self, networks: &BTreeMap<String, Endpoint>) -> DefaultRoutes {
        let route = |v6: bool| {
            let (_, endpoint) = self.way_out(networks, v6)?;
            let gateway = if v6 { endpoint.gateway6 } else { endpoint.gateway };
            let gateway = gateway.filter(|_| !self.routes_itself(endpoint));
            Some(DefaultRoute { interface: endpoint.interface.clone(), gateway })
        };
        DefaultRoutes { v4: route(false), v6: route(true) }
    }

    /// The network through which a container reaches what is on none of them.
    pub(super) fn way_out<'a>(
        &self,
        networks: &'a BTreeMap<String, Endpoint>,
        v6: bool,
    ) -> Option<(&'a str, &'a Endpoint)> {
        let leads_out = |endpoint: &Endpoint| if v6 { endpoint.gateway6 } else { endpoint.gateway }.is_some();
        let mut candidates: Vec<_> = networks.iter().filter(|(_, endpoint)| leads_out(endpoint)).collect();
        candidates.sort_by_key(|(name, endpoint)| (std::cmp::Reverse(endpoint.asked.gateway_priority), name.as_str()));
        candidates.first().map(|(name, endpoint)| (name.as_str(), *endpoint))
    }

    /// Where the host's published ports lead: to the address on the way out, IPv4 first.
    pub(super) fn published_at<'a>(
        &self,
        networks: &'a BTreeMap<String, Endpoint>,
    ) -> Option<(&'a str, &'a Endpoint, IpAddr)> {
        let at = |v6: bool| {
            let (name, endpoint) = self.way_out(networks, v6)?;
            Some((name, endpoint, if v6 { endpoint.address6 } else { endpoint.address }?))
        };
        at(false).or_else(|| at(true))
    }

    fn routes_itself(&self, endpoint: &Endpoint) -> bool {
        let plan = self.inner.networks.by_id(&endpoint.network_id).and_then(|row| row.plan().ok()?);
        plan.is_some_and(|plan| matches!(plan.kind, NetworkKind::Ipvlan { mode: IpvlanMode::L3 | IpvlanMode::L3s, .. }))
    }

    /// Refuses what a network does not give, in docker's words.
    pub(super) fn check_endpoint(&self, row: &NetworkRow, asked: &EndpointSettings) -> Result<()> {
        let mut wrong = Vec::new();
        let user_defined = !row.is_built_in();
        if asked.v4.is_some() || asked.v6.is_some() {
            if !user_defined {
                wrong.push("user specified IP address is supported on user defined networks only".to_owned());
            } else {
                for address in asked.v4.map(IpAddr::V4).into_iter().chain(asked.v6.map(IpAddr::V6)) {
                    let mut given = row.subnets.iter().filter(|subnet| !subnet.automatic).peekable();
                    if given.peek().is_none() {
                        wrong.push(
                            "user specified IP address is supported only when connecting to networks with user configured subnets"
                                .to_owned(),
                        );
                    } else if !given.any(|subnet| subnet.subnet.contains(&address)) {
                        wrong.push(format!("no configured subnet or ip-range contain the IP address {address}"));
                    }
                }
            }
        }
        if !asked.aliases.is_empty() && !user_defined {
            wrong.push("network-scoped aliases are only supported for user-defined networks".to_owned());
        }
        if !asked.mac.is_empty() {
            if !row.has_addresses() {
                wrong.push("conflicting options: mac-address and the network mode".to_owned());
            } else if let Err(e) = asked.mac.parse::<MacAddress>() {
                wrong.push(format!("invalid MAC address: {e}"));
            } else if row.driver == Driver::Ipvlan {
                wrong.push(
                    "ipvlan interfaces have the MAC address of their parent: leave out the MAC address".to_owned(),
                );
            }
        }
        for refused in [asked_interface(&asked.options).err(), asked_sysctls(&asked.options, "eth0").err()] {
            wrong.extend(refused.map(|e| e.to_string()));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::InvalidParameter(format!("invalid endpoint settings:\n{}", wrong.join("\n"))))
    }
}

/// The name of the network that a mode means.
pub(super) fn mode_name(mode: &NetworkMode) -> &str {
    match mode {
        NetworkMode::Default | NetworkMode::Bridge => "bridge",
        NetworkMode::Host => "host",
        NetworkMode::None => "none",
        NetworkMode::Container(_) => "",
        NetworkMode::Named(name) => name,
    }
}

/// The interfaces that a container has.
pub(super) fn interfaces(networks: &BTreeMap<String, Endpoint>) -> BTreeSet<String> {
    networks.values().map(|endpoint| endpoint.interface.clone()).filter(|name| !name.is_empty()).collect()
}

fn free_name(prefix: &str, taken: &BTreeSet<String>) -> String {
    (0..=taken.len()).map(|n| format!("{prefix}{n}")).find(|name| !taken.contains(name)).unwrap_or_default()
}

fn network_of_process(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

/// Docker's words around what went wrong, of the same kind.
fn in_setup(error: Error) -> Error {
    let said = format!("failed to set up container networking: {error}");
    match error {
        Error::Forbidden(_) => Error::Forbidden(said),
        Error::InvalidParameter(_) => Error::InvalidParameter(said),
        Error::Conflict(_) => Error::Conflict(said),
        Error::NoSuchNetwork(_) | Error::NotFound(_) => Error::NotFound(said),
        _ => Error::Internal(said),
    }
}

/// A container runs no more: it has no place on the network, nothing is published for it, and its ids are free.
pub(super) fn take_place_away(live: &mut Live) {
    live.network = unplaced(&live.network);
    live.publications.clear();
    live.users = None;
}

/// The settings of a container that does not run: which networks it will be on, what is asked of them, and no numbers.
pub(super) fn unplaced(settings: &NetworkSettings) -> NetworkSettings {
    let networks = settings.networks.iter().map(|(name, endpoint)| {
        let (asked, network_id) = (endpoint.asked.clone(), endpoint.network_id.clone());
        (name.clone(), Endpoint { asked, network_id, ..Endpoint::default() })
    });
    NetworkSettings { networks: networks.collect(), ..NetworkSettings::default() }
}
