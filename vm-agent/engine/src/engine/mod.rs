//! The engine: one value, cheap to clone, with a method per use-case.

mod attach;
mod attach_network;
mod avoid;
mod check;
mod commit;
mod connect;
mod create;
mod disk_usage;
mod end;
mod exec;
mod explore_image;
mod files;
mod health;
mod hosts;
mod image_archives;
mod images;
mod inspect;
mod list;
mod list_images;
mod names;
mod neighbours;
mod networks;
mod observe;
mod oom;
mod pause;
mod prune;
mod prune_images;
mod publish_ports;
mod recover;
mod recover_networks;
mod remove;
mod share;
mod start;
mod stats;
mod stop;
mod system;
mod tell;
mod update;
mod users;
mod volumes;
mod wait;

pub use check::CheckStream;
pub use commit::CommitOptions;
pub use image_archives::{ImportEvent, ImportOptions, ImportSource, ImportStream, LoadStream};
pub use images::{PullStream, PushStream};
pub use wait::ContainerWait;

use crate::{
    EngineConfig, Error, HostNews, PortLink, Result, RuntimeCli, Timestamp,
    container::{ContainerState, Live, Turn},
    defaults::Defaults,
    event::Broker,
    exec::Registry as Execs,
    log::LogWatch,
    network::Registry,
    paths::Paths,
    roster::{Container, Roster},
    seam::{Seams, SystemClock},
    store::{Store, VolumeRow},
};
use berth_image::{ImageStore, NetworkConfig, StoreConfig};
use berth_network::{IpNet, Networks, NetworksConfig, SubnetPool, SubnetPools, dns::Resolvers};
use berth_protocol::settings::EngineSettings;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::io::{AsyncRead, AsyncWrite};

/// Authorities in the guest image.
const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The container engine. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    /// Made at the first start, kept since.
    id: String,
    /// When this engine's state was made.
    started: Timestamp,
    config: EngineConfig,
    defaults: Defaults,
    paths: Paths,
    seams: Seams,
    port_link: PortLink,
    store: Store,
    roster: Roster,
    events: Broker,
    logs: LogWatch,
    execs: Execs,
    /// All volumes; held while one is made, removed, or given to a container.
    volumes: tokio::sync::Mutex<BTreeMap<String, VolumeRow>>,
    /// All networks.
    networks: Registry,
    /// Held while a network is made, moved or removed.
    networks_change: tokio::sync::Mutex<()>,
    /// Where the subnets of new networks come from.
    pools: SubnetPools,
    /// Subnets that the host has routes to.
    routed: std::sync::Mutex<Vec<IpNet>>,
    /// Held while volumes are filled: two containers on a new volume fill it once.
    filling: tokio::sync::Mutex<()>,
    /// Held while a container is given ids: no two get the same.
    ranges: tokio::sync::Mutex<()>,
    /// Held by a prune: one at a time.
    pruning: tokio::sync::Mutex<()>,
    /// The engine is going down: nothing is restarted.
    closing: AtomicBool,
}

impl Engine {
    /// Opens the durable state, takes up the containers that still run and cleans what no container owns.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn open(config: EngineConfig) -> Result<Self> {
        let paths = Paths::new(&config);
        let uplink = config.uplink.numbers();
        let store = StoreConfig {
            root: config.data.clone(),
            network: NetworkConfig {
                host_address: Some(uplink.host),
                dns: uplink.dns.clone(),
                ca_bundle: Some(CA_BUNDLE.into()).filter(|path: &std::path::PathBuf| path.exists()),
                ca_roots_pem: config.ca_roots_pem.clone(),
                mirrors: config.settings.registry_mirrors.clone(),
                insecure: config.settings.insecure_registries.clone(),
                certificates: config.registry_certificates.clone(),
                proxies: config.settings.proxies.clone(),
            },
        };
        make_dirs(&paths).await?;
        let images = Arc::new(ImageStore::open(store).await?);
        let networking = NetworksConfig::guest(paths.namespaces());
        let names = Resolvers::new(networking.nft.clone());
        let network =
            Networks::open(networking).map_err(|e| Error::Internal(format!("could not open the network: {e}")))?;
        let port_link = PortLink::default();
        let seams = Seams {
            runtime: Arc::new(RuntimeCli::new(config.runtime.clone(), paths.runtime())),
            images: images.clone(),
            snapshots: images,
            network: Arc::new(network),
            names: Arc::new(names),
            ports: Arc::new(port_link.clone()),
            clock: Arc::new(SystemClock),
        };
        Self::with_seams(config, seams, port_link).await
    }

    /// As [`Engine::open`], on other ground.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn with_seams(config: EngineConfig, seams: Seams, port_link: PortLink) -> Result<Self> {
        let paths = Paths::new(&config);
        make_dirs(&paths).await?;
        let store = Store::open(paths.database()).await?;
        let id = store.constant("engine-id", random_hex::<16>()?).await?;
        let started = store.constant("made-at", seams.clock.now().rfc3339()).await?;
        let started = Timestamp::parse_rfc3339(&started).unwrap_or_else(|| seams.clock.now());
        let volumes = store.volumes().await?.into_iter().map(|row| (row.name.clone(), row)).collect();
        let logs = LogWatch::open().map_err(|e| Error::Internal(format!("could not open inotify: {e}")))?;
        let pools = subnet_pools(&config.settings, &id)?;
        let defaults = Defaults::new(config.settings.clone(), system::cpus());
        let inner = Inner {
            id,
            started,
            paths,
            seams,
            port_link,
            store,
            roster: Roster::default(),
            events: Broker::default(),
            logs,
            execs: Execs::default(),
            volumes: tokio::sync::Mutex::new(volumes),
            networks: Registry::default(),
            networks_change: tokio::sync::Mutex::default(),
            pools,
            routed: std::sync::Mutex::new(config.host_routes.clone()),
            filling: tokio::sync::Mutex::default(),
            ranges: tokio::sync::Mutex::default(),
            pruning: tokio::sync::Mutex::default(),
            closing: AtomicBool::new(false),
            defaults,
            config,
        };
        let engine = Self { inner: Arc::new(inner) };
        engine.recover().await?;
        Ok(engine)
    }

    /// Takes over a stream on which the host publishes ports, until it breaks. A later one replaces an earlier one.
    ///
    /// # Errors
    /// When the stream broke or said something that makes no sense.
    pub async fn publish_link(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<()> {
        let engine = self.clone();
        let told = move |news| match news {
            HostNews::Moved(moved) => {
                let engine = engine.clone();
                drop(tokio::spawn(async move { engine.ports_moved(moved).await }));
            }
            HostNews::Routes(routes) => engine.avoid(routes),
        };
        let served = self.inner.port_link.serve(stream, told).await;
        served.map_err(|e| Error::Unavailable(format!("the host no longer publishes ports: {e}")))
    }

    fn closing(&self) -> bool {
        self.inner.closing.load(Ordering::Relaxed)
    }

    fn uplink(&self) -> berth_protocol::boot::DeviceUplink {
        self.inner.config.uplink.numbers()
    }

    /// Changes a container's row and what is known of it together: durable first, then visible.
    async fn change(
        &self,
        container: &Container,
        change: impl FnOnce(&mut Live) -> Result<()> + Send,
    ) -> Result<Arc<Live>> {
        let _one_at_a_time = container.change.lock().await;
        let mut next = (*container.now()?).clone();
        change(&mut next)?;
        self.inner.store.update_container(container.id(), &next).await?;
        let next = Arc::new(next);
        container.live.send_replace(Some(next.clone()));
        Ok(next)
    }

    /// As [`Self::change`] for what need not outlive the engine: it is kept with the next change that must.
    async fn remember(
        &self,
        container: &Container,
        change: impl FnOnce(&mut Live) -> Result<()> + Send,
    ) -> Result<Arc<Live>> {
        let _one_at_a_time = container.change.lock().await;
        let mut next = (*container.now()?).clone();
        change(&mut next)?;
        let next = Arc::new(next);
        container.live.send_replace(Some(next.clone()));
        Ok(next)
    }

    /// A change that is one turn of the container's life.
    async fn turn(&self, container: &Container, turn: Turn) -> Result<Arc<Live>> {
        let id = container.definition.short_id().to_owned();
        self.change(container, move |live| take(live, turn, &id)).await
    }
}

/// One turn; what cannot follow is told as docker tells a wrong state.
fn take(live: &mut Live, turn: Turn, id: &str) -> Result<()> {
    live.life = live.life.after(turn).map_err(|refused| match refused.0 {
        ContainerState::Removing => Error::RemovalInProgress(id.to_owned()),
        state => Error::Conflict(format!("container {id} is {state}")),
    })?;
    Ok(())
}

/// Runs work of several steps to its end even when the caller goes away: a front drops a request's future when its
/// client hangs up, and nothing may stay half-made.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.unwrap_or_else(|e| Err(Error::Internal(format!("the engine failed in the middle: {e}"))))
}

async fn make_dirs(paths: &Paths) -> Result<()> {
    for dir in [paths.containers(), paths.bundles(), paths.namespaces(), paths.runtime(), paths.volume_trash()] {
        tokio::fs::create_dir_all(&dir).await.map_err(io_error("create", &dir))?;
    }
    Ok(())
}

fn io_error<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |e| Error::Internal(format!("could not {doing} {}: {e}", path.display()))
}

/// The pools that the user set, with docker's for the rest; the IPv6 one is this engine's own.
fn subnet_pools(settings: &EngineSettings, engine: &str) -> Result<SubnetPools> {
    let own = settings.default_address_pools.iter().map(|pool| SubnetPool::new(pool.base, pool.size));
    let own = own
        .collect::<Result<_, _>>()
        .map_err(|e| Error::InvalidParameter(format!("default-address-pools in daemon.json make no sense: {e}")))?;
    let seed = Sha256::digest(format!("addresses of {engine}"));
    Ok(SubnetPools::new(own, [seed[0], seed[1], seed[2], seed[3], seed[4]]))
}

fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::Internal(format!("the system gives no random numbers: {e}")))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests;
