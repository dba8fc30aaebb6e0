//! Fakes of the seams, in memory and a directory: no root, no kernel feature, no clock of its own. They keep their
//! state when an engine is dropped, as the real ones do when an engine dies.
#![allow(missing_docs, clippy::unwrap_used)]

mod images;
mod names;
mod network;
mod ports;
mod runtime;

pub use images::{FakeImages, FakeSnapshots};
pub use names::FakeNameServers;
pub use network::FakeNetwork;
pub use ports::FakePorts;
pub use runtime::FakeRuntime;

use crate::{
    Engine, EngineConfig, PortLink, Result, Timestamp,
    seam::{Clock, Seams},
};
use berth_protocol::{
    boot::{DeviceUplink, Uplink},
    settings::EngineSettings,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// A whole set, with a handle on each.
#[derive(Clone)]
pub struct Fakes {
    pub dir: PathBuf,
    pub runtime: Arc<FakeRuntime>,
    pub images: Arc<FakeImages>,
    pub snapshots: Arc<FakeSnapshots>,
    pub network: Arc<FakeNetwork>,
    pub names: Arc<FakeNameServers>,
    pub ports: Arc<FakePorts>,
    pub clock: Arc<FakeClock>,
}

impl Fakes {
    /// A set that keeps its files in `dir`, with an image `busybox:latest` that runs `sh`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let fakes = Self {
            dir: dir.to_owned(),
            runtime: Arc::default(),
            images: Arc::default(),
            snapshots: Arc::default(),
            network: Arc::new(FakeNetwork::new(dir.join("run/netns"))),
            names: Arc::default(),
            ports: Arc::default(),
            clock: Arc::default(),
        };
        fakes.images.add("busybox:latest", |image| image.config.cmd = Some(vec!["sh".into()]));
        fakes
    }

    /// An engine on these; another one on the same set is a restarted engine.
    ///
    /// # Errors
    /// The engine's.
    pub async fn engine(&self) -> Result<Engine> {
        let seams = Seams {
            runtime: self.runtime.clone(),
            images: self.images.clone(),
            snapshots: self.snapshots.clone(),
            network: self.network.clone(),
            names: self.names.clone(),
            ports: self.ports.clone(),
            clock: self.clock.clone(),
        };
        Engine::with_seams(config_in(&self.dir), seams, PortLink::default()).await
    }
}

/// A configuration whose every path is in `dir`, with the kernel modules loaded.
#[must_use]
pub fn config_in(dir: &Path) -> EngineConfig {
    let loaded = dir.join("run/modules-loaded");
    std::fs::create_dir_all(dir.join("run")).unwrap();
    std::fs::write(&loaded, "").unwrap();
    EngineConfig {
        data: dir.join("data"),
        run: dir.join("run"),
        cgroup_root: dir.join("cgroup"),
        runtime: "/nonexistent/berth-runtime".into(),
        modules_loaded: loaded,
        modules_failed: dir.join("run/modules-failed"),
        uplink: Uplink::Device(DeviceUplink {
            interface: "eth0".into(),
            address: [10, 0, 2, 15].into(),
            prefix: 24,
            gateway: [10, 0, 2, 2].into(),
            dns: vec![[10, 0, 2, 3].into()],
            host: [10, 0, 2, 2].into(),
        }),
        ca_roots_pem: vec![],
        registry_certificates: BTreeMap::new(),
        hostname: "berth".into(),
        settings: EngineSettings::default(),
        host_routes: vec![],
    }
}

/// A clock that stands still unless it is moved, except that no two looks see the same nanosecond.
pub struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_800_000_000_000_000_000))
    }
}

impl FakeClock {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
