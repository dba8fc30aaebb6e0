//! The list of containers.

use super::{ContainerState, Health, HealthStatus, MountPoint, NetworkMode, NetworkSettings};
use crate::{Protocol, Timestamp};
use std::{collections::BTreeMap, net::IpAddr};

/// Which containers to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Those that do not run too. A filter on state does the same.
    pub all: bool,
    /// The newest so many, running or not; 0 is no limit.
    pub limit: usize,
    /// Count what each has written, which takes a walk through its files.
    pub size: bool,
    /// Which.
    pub filters: ContainerFilters,
}

/// Each list is an "or"; different lists are an "and"; labels are an "and" too, as docker's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFilters {
    /// Prefixes of ids.
    pub id: Vec<String>,
    /// Regular expressions that a part of the name fits, with or without its slash.
    pub name: Vec<String>,
    /// States.
    pub status: Vec<ContainerState>,
    /// `key` or `key=value`.
    pub label: Vec<String>,
    /// Images (reference, id) the container comes from.
    pub ancestor: Vec<String>,
    /// Exit codes.
    pub exited: Vec<i64>,
    /// Volume names or mount targets.
    pub volume: Vec<String>,
    /// Network names or ids.
    pub network: Vec<String>,
    /// Made before this container (id or name).
    pub before: Vec<String>,
    /// Made after this container (id or name).
    pub since: Vec<String>,
    /// Ports published.
    pub publish: Vec<String>,
    /// Ports exposed.
    pub expose: Vec<String>,
    /// What its checks say; `None` for one without a check.
    pub health: Vec<Option<HealthStatus>>,
}

/// Which ended containers to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneFilters {
    /// Made before then.
    pub until: Option<Timestamp>,
    /// All of these: `key` or `key=value`.
    pub label: Vec<String>,
    /// None of these.
    pub label_not: Vec<String>,
}

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Ids.
    pub deleted: Vec<String>,
    /// Bytes.
    pub space_reclaimed: u64,
}

/// How much a container's files take, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerSize {
    /// What it has written.
    pub written: u64,
    /// With the image below.
    pub whole: u64,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSummary {
    /// 64 hex digits.
    pub id: String,
    /// Without slash.
    pub name: String,
    /// As the user named it, or the id when that name now means another image.
    pub image: String,
    /// `sha256:` and 64 hex digits.
    pub image_id: String,
    /// What runs, as one line.
    pub command: String,
    /// When it was made.
    pub created: Timestamp,
    /// The state.
    pub state: ContainerState,
    /// Docker's words: `Up 5 minutes`, `Exited (0) 2 hours ago`.
    pub status: String,
    /// Published and exposed ports; empty when it does not run.
    pub ports: Vec<PublishedPort>,
    /// Labels, the image's included.
    pub labels: BTreeMap<String, String>,
    /// As asked.
    pub network_mode: NetworkMode,
    /// Where it is on the network.
    pub network: NetworkSettings,
    /// What is mounted.
    pub mounts: Vec<MountPoint>,
    /// `None` without a check.
    pub health: Option<Health>,
    /// `None` unless asked for.
    pub size: Option<ContainerSize>,
}

/// A port in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// The address the host listens on; `None` when only exposed.
    pub ip: Option<IpAddr>,
    /// The container's port.
    pub private_port: u16,
    /// The host's port.
    pub public_port: Option<u16>,
    /// What it carries.
    pub protocol: Protocol,
}
