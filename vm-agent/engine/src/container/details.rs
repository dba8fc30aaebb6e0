//! Everything the engine tells about one container.

use super::{ContainerConfig, ContainerState, Health, HostConfig, MountKind};
use crate::{ContainerPort, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// What inspect shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerDetails {
    /// 64 hex digits.
    pub id: String,
    /// Without slash.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// The first word of what runs.
    pub path: String,
    /// The other words.
    pub args: Vec<String>,
    /// Where it is in its life.
    pub state: StateDetails,
    /// The image's id, `sha256:` and 64 hex digits.
    pub image_id: String,
    /// `linux`.
    pub platform: String,
    /// How often the restart policy started it.
    pub restart_count: u32,
    /// The storage driver, `overlay2`.
    pub storage_driver: String,
    /// Directories of the storage driver: `LowerDir`, `UpperDir`, `WorkDir`, `MergedDir`.
    pub storage: BTreeMap<String, String>,
    /// The file its output is kept in, when its driver promises docker's format.
    pub log_path: Option<PathBuf>,
    /// The file mounted as `/etc/hosts`.
    pub hosts_path: PathBuf,
    /// The file mounted as `/etc/hostname`.
    pub hostname_path: PathBuf,
    /// The file mounted as `/etc/resolv.conf`.
    pub resolv_conf_path: PathBuf,
    /// The half that travels, filled from the image.
    pub config: ContainerConfig,
    /// The half of this machine, as asked.
    pub host: HostConfig,
    /// What is mounted.
    pub mounts: Vec<MountPoint>,
    /// Where it is on the network.
    pub network: NetworkSettings,
    /// The ids of the execs that have not ended.
    pub execs: Vec<String>,
}

/// Where a container is in its life, with numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDetails {
    /// The state.
    pub status: ContainerState,
    /// The process in the machine's pid namespace; 0 when none runs.
    pub pid: i32,
    /// Of the last end.
    pub exit_code: i64,
    /// Why the last start failed; empty when it did not.
    pub error: String,
    /// The kernel ended it for want of memory.
    pub oom_killed: bool,
    /// Of the last start.
    pub started_at: Option<Timestamp>,
    /// Of the last end.
    pub finished_at: Option<Timestamp>,
    /// `None` without a check.
    #[serde(default)]
    pub health: Option<Health>,
}

/// One thing mounted in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// What kind.
    pub kind: MountKind,
    /// The volume's name; empty for others.
    pub name: String,
    /// Where its data is in the machine; empty for a tmpfs.
    pub source: String,
    /// Where the container sees it.
    pub destination: String,
    /// `local` for volumes, else empty.
    pub driver: String,
    /// The options as given, such as `z`.
    pub mode: String,
    /// Takes writes.
    pub rw: bool,
    /// Mount propagation; empty for volumes.
    pub propagation: String,
}

/// Where a container is on the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSettings {
    /// The network namespace's id; empty when none.
    pub sandbox_id: String,
    /// The network namespace's file; empty when none.
    pub sandbox_key: String,
    /// Every exposed port, with the addresses the host listens on (none when it is not published). Empty when the
    /// container does not run.
    pub ports: BTreeMap<ContainerPort, Vec<SocketAddr>>,
    /// By network name.
    pub networks: BTreeMap<String, Endpoint>,
}

/// A container's place on one network. What is not asked for is empty while it does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// What was asked for.
    #[serde(default)]
    pub asked: EndpointSettings,
    /// The network's id.
    pub network_id: String,
    /// This place's id; empty while the container does not run.
    pub endpoint_id: String,
    /// IPv4 address.
    pub address: Option<IpAddr>,
    /// Bits of the IPv4 prefix.
    pub prefix: u8,
    /// IPv4 gateway.
    pub gateway: Option<IpAddr>,
    /// IPv6 address.
    pub address6: Option<IpAddr>,
    /// Bits of the IPv6 prefix.
    pub prefix6: u8,
    /// IPv6 gateway.
    pub gateway6: Option<IpAddr>,
    /// `02:42:ac:11:00:02`; empty while the container does not run.
    pub mac: String,
    /// Its interface in the container; empty while that does not run.
    #[serde(default)]
    pub interface: String,
    /// What others on the network may call it; not kept, since it follows from the rest.
    #[serde(skip)]
    pub dns_names: Vec<String>,
}

/// What is asked of a place on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSettings {
    /// This IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// This IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// This Ethernet address, `02:42:ac:11:00:02`; empty follows from the address.
    pub mac: String,
    /// What others on the network may call it besides its own name.
    pub aliases: Vec<String>,
    /// What it calls others: `name-or-id[:alias]`.
    pub links: Vec<String>,
    /// Docker's options of the driver.
    pub options: BTreeMap<String, String>,
    /// The way out is through the network with the highest.
    pub gateway_priority: i64,
}
