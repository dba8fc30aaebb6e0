//! The networks of the machine and the containers on them, as the kernel has them.

use crate::{
    DefaultRoutes, Error, InterfacePlan, MacAddress, NetworkKind, NetworkPlan, Origin, Parent,
    link::{self, Pair},
    namespace, plan, ruleset, sysctl,
};
use ipnet::IpNet;
use rtnetlink::Handle;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    os::fd::AsFd,
    path::{Path, PathBuf},
};
use tokio::sync::Mutex;

/// Where things are.
#[derive(Clone, Debug)]
pub struct NetworksConfig {
    /// Where the named namespaces are.
    pub netns_dir: PathBuf,
    /// The `nft` program.
    pub nft: PathBuf,
}

impl NetworksConfig {
    /// With the `nft` of the guest.
    #[must_use]
    pub fn guest(netns_dir: PathBuf) -> Self {
        Self { netns_dir, nft: "/usr/sbin/nft".into() }
    }
}

/// All networks. Each is made at its first use, since the kernel's modules load in the background.
pub struct Networks {
    config: NetworksConfig,
    handle: Handle,
    made: Mutex<BTreeMap<String, Made>>,
}

/// A network that the kernel has.
struct Made {
    plan: NetworkPlan,
    /// The bridge, or the interface below the containers' own.
    index: u32,
    /// A VLAN that was made for it.
    vlan: Option<String>,
}

impl Networks {
    /// Opens netlink. Call inside a tokio runtime with I/O.
    ///
    /// # Errors
    /// A directory that cannot be made, netlink that cannot be opened.
    pub fn open(config: NetworksConfig) -> Result<Self, Error> {
        fs::create_dir_all(&config.netns_dir).map_err(Error::io("create", &config.netns_dir))?;
        let (connection, handle, _) = rtnetlink::new_connection().map_err(Error::io("open", "netlink"))?;
        tokio::spawn(connection);
        Ok(Self { config, handle, made: Mutex::default() })
    }

    /// The file that names a container's namespace.
    #[must_use]
    pub fn namespace(&self, container: &str) -> PathBuf {
        self.config.netns_dir.join(container)
    }

    /// Prepares a container's namespace, with loopback only.
    ///
    /// # Errors
    /// When the system refuses; nothing is left then.
    pub async fn open_namespace(&self, container: &str, origin: Origin) -> Result<PathBuf, Error> {
        plan::check_id(container)?;
        let path = self.namespace(container);
        namespace::create(&path, origin).await?;
        Ok(path)
    }

    /// Takes the name off a container's namespace and removes these endpoints of it. What is gone already is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn close_namespace(&self, container: &str, endpoints: &[String]) -> Result<(), Error> {
        plan::check_id(container)?;
        for endpoint in endpoints {
            link::remove(&self.handle, &plan::outer(endpoint)?).await?;
        }
        namespace::remove(&self.namespace(container))
    }

    /// Makes a network be there as planned. One that is there with other subnets gets these.
    ///
    /// # Errors
    /// When the system refuses; nothing is left then.
    pub async fn make(&self, plan: &NetworkPlan) -> Result<(), Error> {
        self.index_of(plan).await.map(drop)
    }

    /// Removes a network on which no container is. One that is gone is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn unmake(&self, plan: &NetworkPlan) -> Result<(), Error> {
        let mut made = self.made.lock().await;
        let had = made.remove(&plan.id);
        self.remove_interfaces(plan, had.as_ref()).await?;
        if had.is_some() { self.apply(&made).await } else { Ok(()) }
    }

    /// Puts a container on a network, which is made when it is not there.
    ///
    /// # Errors
    /// When the system refuses; nothing is left of the interface then.
    pub async fn join(&self, container: &str, network: &NetworkPlan, interface: &InterfacePlan) -> Result<(), Error> {
        let below = self.index_of(network).await?;
        let path = self.namespace(container);
        let outer = plan::outer(&interface.endpoint)?;
        link::remove(&self.handle, &outer).await?;
        let joined = self.wire(&path, network, below, &outer, interface).await;
        if joined.is_err() {
            self.leave(container, interface).await?;
        }
        joined
    }

    async fn wire(
        &self,
        path: &Path,
        network: &NetworkPlan,
        below: u32,
        outer: &str,
        interface: &InterfacePlan,
    ) -> Result<(), Error> {
        let file = namespace::open(path)?;
        let (at, namespace) = ((interface.name.as_str(), below), (file.as_fd(), network.mtu));
        match &network.kind {
            NetworkKind::Bridge { talk, .. } => {
                let pair = Pair {
                    outside: outer,
                    bridge: below,
                    inside: &interface.name,
                    namespace: file.as_fd(),
                    mac: interface.mac,
                    mtu: network.mtu,
                };
                link::add_pair(&self.handle, pair).await?;
                // The bridge speaks for its ports.
                sysctl::ipv6(outer, false)?;
                if !talk {
                    link::isolate(&self.handle, outer).await?;
                }
            }
            NetworkKind::Macvlan { mode, .. } => {
                link::add_macvlan(&self.handle, at, *mode, interface.mac, namespace).await?;
            }
            NetworkKind::Ipvlan { mode, flag, .. } => {
                link::add_ipvlan(&self.handle, at, *mode, *flag, namespace).await?;
            }
        }
        let InterfacePlan { name, addresses, sysctls, .. } = interface.clone();
        namespace::inside(path, move |handle| async move {
            sysctl::ipv6(&name, addresses.iter().any(|address| matches!(address, IpNet::V6(_))))?;
            for (file, value) in &sysctls {
                sysctl::set_existing(file, value)?;
            }
            link::configure(&handle, &name, &addresses).await
        })
        .await
    }

    /// Takes a container off a network. What is gone already is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn leave(&self, container: &str, interface: &InterfacePlan) -> Result<(), Error> {
        link::remove(&self.handle, &plan::outer(&interface.endpoint)?).await?;
        let path = self.namespace(container);
        if !path.exists() {
            return Ok(());
        }
        let name = interface.name.clone();
        namespace::inside(&path, move |handle| async move { link::remove(&handle, &name).await }).await
    }

    /// Gives a container its default routes; one that is not named stays as it is.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn route(&self, container: &str, routes: &DefaultRoutes) -> Result<(), Error> {
        let DefaultRoutes { v4, v6 } = routes.clone();
        if v4.is_none() && v6.is_none() {
            return Ok(());
        }
        let set = move |handle: Handle| async move {
            for (route, v6) in [(v4, false), (v6, true)] {
                if let Some(route) = route {
                    link::set_default_route(&handle, &route, v6).await?;
                }
            }
            Ok(())
        };
        namespace::inside(&self.namespace(container), set).await
    }

    /// Removes the namespaces of every container but these, every endpoint but these, and what was made for any network
    /// but these.
    ///
    /// # Errors
    /// The first one; the rest is still tried.
    pub async fn sweep(
        &self,
        containers: &BTreeSet<String>,
        endpoints: &BTreeSet<String>,
        networks: &[NetworkPlan],
    ) -> Result<(), Error> {
        let mut first_error = None;
        let dir = &self.config.netns_dir;
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
            let path = entry.map_err(Error::io("list", dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !containers.contains(name.as_ref()) {
                tracing::info!("removing the network namespace of {name}, which no container owns");
                first_error = first_error.or(namespace::remove(&path).err());
            }
        }
        let outer = endpoints.iter().filter_map(|endpoint| plan::outer(endpoint).ok());
        let own = networks.iter().filter_map(|network| network.own_interface().ok().flatten());
        let kept: BTreeSet<String> = outer.chain(own).collect();
        for name in link::names(&self.handle).await? {
            if (plan::is_outer(&name) || plan::is_networks(&name)) && !kept.contains(&name) {
                first_error = first_error.or(link::remove(&self.handle, &name).await.err());
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// The index of what the containers' interfaces are on, made when it is not there.
    async fn index_of(&self, plan: &NetworkPlan) -> Result<u32, Error> {
        let mut made = self.made.lock().await;
        if let Some(have) = made.get(&plan.id) {
            if have.plan == *plan {
                return Ok(have.index);
            }
            // Nobody is on it, or it would not change.
            let had = made.remove(&plan.id);
            self.remove_interfaces(plan, had.as_ref()).await?;
        }
        let fresh = self.prepare(plan).await?;
        let index = fresh.index;
        made.insert(plan.id.clone(), fresh);
        if let Err(e) = self.apply(&made).await {
            let had = made.remove(&plan.id);
            self.undo(plan, had.as_ref()).await;
            return Err(e);
        }
        Ok(index)
    }

    async fn undo(&self, plan: &NetworkPlan, made: Option<&Made>) {
        if let Err(e) = self.remove_interfaces(plan, made).await {
            tracing::warn!("what was made for a network stays: {e}");
        }
    }

    async fn prepare(&self, plan: &NetworkPlan) -> Result<Made, Error> {
        let made = |index, vlan| Made { plan: plan.clone(), index, vlan };
        match &plan.kind {
            NetworkKind::Bridge { name, .. } => Ok(made(self.prepare_bridge(plan, name).await?, None)),
            NetworkKind::Macvlan { parent, .. } | NetworkKind::Ipvlan { parent, .. } => match parent {
                Parent::Own => {
                    let name = plan.own_interface()?.unwrap_or_default();
                    Ok(made(link::ensure_dummy(&self.handle, &name).await?, None))
                }
                Parent::Named(name) => {
                    if let Some(index) = link::index(&self.handle, name).await? {
                        let macvlan = matches!(plan.kind, NetworkKind::Macvlan { .. });
                        if macvlan && !link::is_ethernet(&self.handle, name).await? {
                            return Err(Error::NoEthernet(name.clone()));
                        }
                        return Ok(made(index, None));
                    }
                    let missing = || Error::NoParent(name.clone());
                    let (below, id) = name.rsplit_once('.').ok_or_else(missing)?;
                    let id: u16 = id.parse().ok().filter(|id| (1..4095).contains(id)).ok_or_else(missing)?;
                    let below = link::index(&self.handle, below).await?.ok_or_else(missing)?;
                    Ok(made(link::add_vlan(&self.handle, name, below, id).await?, Some(name.clone())))
                }
            },
        }
    }

    async fn prepare_bridge(&self, plan: &NetworkPlan, name: &str) -> Result<u32, Error> {
        let first_v4 = plan.subnets.iter().find_map(|planned| match planned.gateway {
            Some(IpAddr::V4(gateway)) => Some(gateway),
            _ => None,
        });
        let mac = first_v4.map_or_else(|| MacAddress::of_id(&plan.id), MacAddress::of);
        let index = link::ensure_bridge(&self.handle, name, mac, plan.mtu).await?;
        let furnished = self.furnish_bridge(plan, name, index).await;
        if furnished.is_err() {
            self.undo(plan, None).await;
        }
        furnished.map(|()| index)
    }

    async fn furnish_bridge(&self, plan: &NetworkPlan, name: &str, index: u32) -> Result<(), Error> {
        let v6 = plan.subnets.iter().any(|planned| matches!(planned.subnet, IpNet::V6(_)));
        // Without IPv6 turned off the bridge has a link-local address by which containers reach the machine.
        sysctl::ipv6(name, v6)?;
        for planned in &plan.subnets {
            let Some(gateway) = planned.gateway else { continue };
            if let Ok(address) = IpNet::new(gateway, planned.subnet.prefix_len()) {
                link::add_address(&self.handle, index, address).await?;
            }
        }
        link::set_up(&self.handle, index).await?;
        sysctl::set("ipv4/ip_forward", "1")?;
        if v6 {
            sysctl::set("ipv6/conf/all/forwarding", "1")?;
        }
        Ok(())
    }

    async fn remove_interfaces(&self, plan: &NetworkPlan, made: Option<&Made>) -> Result<(), Error> {
        let own = made.map_or(plan, |made| &made.plan).own_interface()?;
        for name in own.into_iter().chain(made.and_then(|made| made.vlan.clone())) {
            link::remove(&self.handle, &name).await?;
        }
        Ok(())
    }

    async fn apply(&self, made: &BTreeMap<String, Made>) -> Result<(), Error> {
        ruleset::apply(&self.config.nft, &ruleset::render(made.values().map(|made| &made.plan))).await
    }
}
