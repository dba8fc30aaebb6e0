//! The networks there are: made, listed, removed.

use super::{Engine, random_hex, to_the_end};
use crate::{
    Error, Result,
    event::EventKind,
    filter, modules,
    network::{
        BRIDGE, BUILT_IN, CreateNetwork, Driver, HOST, Network, NetworkFilters, NetworkMember, NetworkPruneFilters,
        NetworkRow, Subnet, check_name, default_options, read_subnets,
    },
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

impl Engine {
    /// Makes a network; its id.
    ///
    /// # Errors
    /// Docker's sentences: a name that is taken, subnets that overlap, options that make no sense.
    pub async fn create_network(&self, request: CreateNetwork) -> Result<String> {
        let engine = self.clone();
        to_the_end(async move { engine.create_network_now(request).await }).await
    }

    async fn create_network_now(&self, request: CreateNetwork) -> Result<String> {
        check_name(&request.name)?;
        if BUILT_IN.contains(&request.name.as_str()) || request.name == "default" {
            return Err(Error::Forbidden(format!("operation is not permitted on predefined {} network", request.name)));
        }
        if request.config_only || !request.config_from.is_empty() {
            return Err(Error::InvalidParameter(
                "networks that are templates for others (ConfigOnly, ConfigFrom) are not supported by Berth yet: give the network its settings itself"
                    .to_owned(),
            ));
        }
        if request.ingress || !matches!(request.scope.as_str(), "" | "local") {
            return Err(Error::Forbidden(
                "This node is not a swarm manager. Berth has no swarms: leave out ingress and scope.".to_owned(),
            ));
        }
        if !matches!(request.ipam_driver.as_str(), "" | "default") {
            return Err(Error::NotFound(format!("plugin {:?} not found", request.ipam_driver)));
        }
        let driver = Driver::read(&request.driver)?;
        let (v4, v6) = (request.ipv4.unwrap_or(true), request.ipv6.unwrap_or(false));
        if !v4 && !v6 {
            return Err(Error::InvalidParameter("IPv4 or IPv6 must be enabled".to_owned()));
        }
        let mut subnets = read_subnets(&request.subnets, v4, v6)?;
        let of = |v6: bool, subnets: &[Subnet]| subnets.iter().filter(|subnet| is_v6(subnet) == v6).count();
        if driver == Driver::Bridge && (of(false, &subnets) > 1 || of(true, &subnets) > 1) {
            return Err(Error::Forbidden("bridge driver doesn't support multiple subnets".to_owned()));
        }

        let _one_at_a_time = self.inner.networks_change.lock().await;
        if let Ok(other) = self.inner.networks.find(&request.name)
            && other.name == request.name
        {
            return Err(Error::Conflict(format!("network with name {} already exists", request.name)));
        }
        let mut taken = self.inner.networks.subnets("");
        taken.extend(self.way_out_subnet());
        for Subnet { subnet, .. } in &subnets {
            if taken.iter().any(|taken| berth_network::overlap(*taken, *subnet)) {
                return Err(Error::Forbidden(
                    "invalid pool request: Pool overlaps with other one on this address space".to_owned(),
                ));
            }
        }
        for (wanted, family) in [(v4, false), (v6, true)] {
            if wanted && of(family, &subnets) == 0 {
                subnets.push(self.choose_subnet(family, "")?);
            }
        }
        subnets.sort_by_key(is_v6);
        let row = NetworkRow {
            id: random_hex::<32>()?,
            name: request.name,
            created: self.inner.seams.clock.now(),
            driver,
            subnets,
            internal: request.internal,
            attachable: request.attachable,
            ipam_options: request.ipam_options,
            options: request.options,
            labels: request.labels,
        };
        self.refuse_twins(&row)?;
        let row = self.inner.networks.add(row)?;
        if let Err(e) = self.make_network(&row).await {
            // Nobody knew of it, and nobody is on it.
            drop(self.inner.networks.remove(&row.id));
            return Err(e);
        }
        self.tell_of_network(&row, "create", &[]);
        Ok(row.id.clone())
    }

    /// The row first: an engine that ends in between makes the rest at the network's first use.
    async fn make_network(&self, row: &NetworkRow) -> Result<()> {
        let Some(plan) = row.plan()? else { return Ok(()) };
        modules::ready(&self.inner.config).await?;
        self.inner.store.keep_network(row).await?;
        if let Err(e) = self.inner.seams.network.make(&plan).await {
            self.inner.store.remove_network(&row.id).await?;
            return Err(match e {
                berth_network::Error::NoParent(_)
                | berth_network::Error::NoEthernet(_)
                | berth_network::Error::NotABridge(_)
                | berth_network::Error::NoModule(_) => Error::InvalidParameter(e.to_string()),
                _ => Error::Internal(e.to_string()),
            });
        }
        Ok(())
    }

    /// Refuses a bridge, or a parent, that another network has, in docker's words.
    fn refuse_twins(&self, row: &NetworkRow) -> Result<()> {
        use berth_network::{NetworkKind, Parent};
        let Some(plan) = row.plan()? else { return Ok(()) };
        for other in self.inner.networks.all() {
            let same = match (&plan.kind, other.plan()?.map(|plan| plan.kind)) {
                (NetworkKind::Bridge { name, .. }, Some(NetworkKind::Bridge { name: theirs, .. })) => *name == theirs,
                (
                    NetworkKind::Macvlan { parent: Parent::Named(name), .. },
                    Some(NetworkKind::Macvlan { parent: Parent::Named(theirs), .. }),
                )
                | (
                    NetworkKind::Ipvlan { parent: Parent::Named(name), .. },
                    Some(NetworkKind::Ipvlan { parent: Parent::Named(theirs), .. }),
                ) if *name == theirs => {
                    return Err(Error::Forbidden(format!(
                        "network {} is already using parent interface {name}",
                        other.name
                    )));
                }
                _ => false,
            };
            if same {
                return Err(Error::Forbidden(format!(
                    "cannot create network {} ({}): conflicts with network {} ({}): networks have same bridge name",
                    row.id, row.name, other.id, other.name
                )));
            }
        }
        Ok(())
    }

    /// Removes a network on which no running container is.
    ///
    /// # Errors
    /// No such network, one that is always there, one that somebody is on.
    pub async fn remove_network(&self, name: &str) -> Result<()> {
        let (engine, name) = (self.clone(), name.to_owned());
        to_the_end(async move {
            let _one_at_a_time = engine.inner.networks_change.lock().await;
            let row = engine.inner.networks.find(&name)?;
            if row.is_built_in() {
                return Err(Error::Forbidden(format!("{} is a pre-defined network and cannot be removed", row.name)));
            }
            engine.remove_network_now(&row).await
        })
        .await
    }

    /// The row last: an engine that ends in between finds it, and nobody on it.
    async fn remove_network_now(&self, row: &NetworkRow) -> Result<()> {
        if let Err(on_it) = self.inner.networks.remove(&row.id) {
            let endpoints: Vec<String> = on_it
                .iter()
                .filter_map(|id| {
                    let name = self.inner.roster.find(id).ok()?.now().ok()?.name.clone();
                    Some(format!("name:\"{name}\" id:\"{}\"", &self.endpoint_id(id, &row.id)[..12]))
                })
                .collect();
            return Err(Error::Forbidden(format!(
                "error while removing network: network {} has active endpoints ({})",
                row.name,
                endpoints.join(", ")
            )));
        }
        let removed = async {
            if let Some(plan) = row.plan()? {
                self.inner.seams.network.unmake(&plan).await.map_err(|e| Error::Internal(e.to_string()))?;
            }
            Ok(self.inner.store.remove_network(&row.id).await?)
        };
        if let Err(e) = removed.await {
            self.inner.networks.add(row.clone())?;
            return Err(e);
        }
        self.tell_of_network(row, "destroy", &[]);
        Ok(())
    }

    /// Removes the networks on which no running container is and that fit; their names.
    ///
    /// # Errors
    /// Conflict while another prune goes on.
    pub async fn prune_networks(&self, filters: NetworkPruneFilters) -> Result<Vec<String>> {
        let engine = self.clone();
        to_the_end(async move {
            let _one_prune_at_a_time = engine.prune_alone()?;
            let _one_at_a_time = engine.inner.networks_change.lock().await;
            let mut removed = Vec::new();
            for row in engine.inner.networks.all() {
                let fits = !row.is_built_in()
                    && engine.inner.networks.is_empty(&row.id)
                    && filters.until.is_none_or(|until| row.created < until)
                    && filter::labels_fit(&filters.label, &filters.label_not, &row.labels);
                if !fits {
                    continue;
                }
                match engine.remove_network_now(&row).await {
                    Ok(()) => removed.push(row.name),
                    Err(e) => tracing::warn!("the network {} could not be pruned: {e}", row.name),
                }
            }
            engine.tell_prune(EventKind::Network, 0);
            Ok(removed)
        })
        .await
    }

    /// The networks that fit.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn list_networks(&self, filters: NetworkFilters) -> Result<Vec<Network>> {
        let any = |wanted: &[String], fits: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|w| fits(w));
        Ok(self
            .inner
            .networks
            .all()
            .into_iter()
            .filter(|row| {
                let kind = if row.is_built_in() { "builtin" } else { "custom" };
                any(&filters.id, &|id| row.id.starts_with(id))
                    && any(&filters.name, &|name| filter::name_fits(name, &row.name))
                    && any(&filters.driver, &|driver| row.driver.to_string() == driver)
                    && any(&filters.kind, &|wanted| wanted == kind)
                    && any(&filters.scope, &|scope| scope == "local")
                    && filters.label.iter().all(|label| filter::label_fits(label, &row.labels))
                    && filters.dangling.is_none_or(|dangling| {
                        dangling == (!row.is_built_in() && self.inner.networks.is_empty(&row.id))
                    })
            })
            .map(|row| self.describe_network(row))
            .collect())
    }

    /// One network, by name, id or prefix of an id.
    ///
    /// # Errors
    /// No such network.
    pub async fn inspect_network(&self, name: &str) -> Result<Network> {
        let row = self.inner.networks.find(name)?;
        let row = self.inner.networks.shown(&row.id).ok_or_else(|| Error::NoSuchNetwork(name.to_owned()))?;
        Ok(self.describe_network(row))
    }

    /// Reads what is kept, and makes the networks that are always there at the first start.
    pub(super) async fn open_networks(&self) -> Result<()> {
        let inner = &self.inner;
        for row in inner.store.networks().await? {
            inner.networks.add(row)?;
        }
        for name in BUILT_IN {
            let id = self.built_in_id(name);
            if inner.networks.by_id(&id).is_some() {
                continue;
            }
            let driver = match name {
                BRIDGE => Driver::Bridge,
                HOST => Driver::Host,
                _ => Driver::Null,
            };
            let on_bridge = driver == Driver::Bridge;
            let row = NetworkRow {
                id,
                name: name.to_owned(),
                created: inner.started,
                driver,
                subnets: if on_bridge { vec![self.choose_subnet(false, "")?] } else { vec![] },
                internal: false,
                attachable: false,
                ipam_options: BTreeMap::new(),
                options: if on_bridge { default_options() } else { BTreeMap::new() },
                labels: BTreeMap::new(),
            };
            let row = inner.networks.add(row)?;
            inner.store.keep_network(&row).await?;
        }
        Ok(())
    }

    /// The same at every start, another for every engine.
    pub(super) fn built_in_id(&self, name: &str) -> String {
        hex::encode(Sha256::digest(format!("network {name} of {}", self.inner.id)))
    }

    /// One for each container and network.
    pub(super) fn endpoint_id(&self, container: &str, network: &str) -> String {
        hex::encode(Sha256::digest(format!("endpoint of {container} on {network} of {}", self.inner.id)))
    }

    /// An event of a network.
    pub(super) fn tell_of_network(&self, row: &NetworkRow, action: &str, special: &[(&str, &str)]) {
        let driver = row.driver.to_string();
        let attributes = [("name", row.name.as_str()), ("type", driver.as_str())];
        let attributes = attributes.iter().chain(special).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.tell_of(EventKind::Network, action, &row.id, attributes.collect());
    }

    fn describe_network(&self, row: NetworkRow) -> Network {
        let members = self.inner.roster.all().into_iter().filter_map(|container| {
            let live = container.now().ok()?;
            let on_it = |endpoint: &&crate::container::Endpoint| endpoint.network_id == row.id;
            let endpoint = live.network.networks.values().find(on_it).filter(|_| live.life.runs())?;
            let member = NetworkMember {
                name: live.name.clone(),
                endpoint_id: endpoint.endpoint_id.clone(),
                mac: endpoint.mac.clone(),
                address: endpoint.address.map(|address| (address, endpoint.prefix)),
                address6: endpoint.address6.map(|address| (address, endpoint.prefix6)),
            };
            Some((container.id().to_owned(), member))
        });
        Network {
            containers: members.collect(),
            ipv4: row.has(false) || !row.has_addresses(),
            ipv6: row.has(true),
            driver: row.driver.to_string(),
            id: row.id,
            name: row.name,
            created: row.created,
            subnets: row.subnets,
            internal: row.internal,
            attachable: row.attachable,
            ipam_options: row.ipam_options,
            options: row.options,
            labels: row.labels,
        }
    }
}

fn is_v6(subnet: &Subnet) -> bool {
    matches!(subnet.subnet, berth_network::IpNet::V6(_))
}
