//! What the engine is told at start: where its files are and what the boot said about the outside.

use berth_network::IpNet;
use berth_protocol::{
    boot::{BootConfig, Uplink},
    settings::{EngineSettings, RegistryCertificates},
};
use std::{collections::BTreeMap, path::PathBuf};

/// Where things are. [`EngineConfig::guest`] gives the paths of the real guest; tests put everything elsewhere.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Durable state, on the data disk.
    pub data: PathBuf,
    /// State of this boot, on a tmpfs.
    pub run: PathBuf,
    /// Root of the cgroup v2 hierarchy.
    pub cgroup_root: PathBuf,
    /// The runtime's executable.
    pub runtime: PathBuf,
    /// Exists once the modules for networks and overlay are loaded.
    pub modules_loaded: PathBuf,
    /// Exists, with the reason as its text, when they could not be loaded.
    pub modules_failed: PathBuf,
    /// How the guest reaches the outside.
    pub uplink: Uplink,
    /// Certificate authorities of the host in PEM form, trusted by pulls besides the ones in the guest image.
    pub ca_roots_pem: Vec<String>,
    /// What the user keeps for single registries, by host and port as in an image's name.
    pub registry_certificates: BTreeMap<String, RegistryCertificates>,
    /// The guest's host name, shown by info.
    pub hostname: String,
    /// What the user sets for every container.
    pub settings: EngineSettings,
    /// Subnets that the host has routes to, such as a VPN's: no network gets one of them.
    pub host_routes: Vec<IpNet>,
}

impl EngineConfig {
    /// The paths of the real guest.
    #[must_use]
    pub fn guest(boot: BootConfig) -> Self {
        Self {
            data: "/data/berth".into(),
            run: "/run/berth".into(),
            cgroup_root: "/sys/fs/cgroup".into(),
            runtime: "/usr/bin/berth-runtime".into(),
            modules_loaded: "/run/berth/modules-loaded".into(),
            modules_failed: "/run/berth/modules-failed".into(),
            uplink: boot.uplink,
            ca_roots_pem: boot.ca_roots_pem,
            registry_certificates: boot.registry_certificates,
            hostname: boot.hostname,
            settings: boot.engine,
            host_routes: boot.host_routes,
        }
    }
}
