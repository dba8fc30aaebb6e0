//! Networks, as the engine tells about them and is asked for them.

pub(crate) mod directory;
mod driver;
mod ipam;
mod neighbours;
mod registry;
mod row;

pub use berth_network::IpNet;
pub(crate) use driver::{
    Driver, asked_name as asked_interface, asked_sysctls, default_options, host_binding, plan as plan_driver,
    prefix as interface_prefix,
};
pub(crate) use ipam::{check_name, read as read_subnets, refused as address_refused};
pub use neighbours::{Neighbour, NeighbourNetwork};
pub(crate) use registry::{Asked, Registry};
pub(crate) use row::NetworkRow;

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// The networks that are always there, in docker's order.
pub(crate) const BUILT_IN: [&str; 3] = [BRIDGE, HOST, NONE];
/// The one of a container that asks for none.
pub(crate) const BRIDGE: &str = "bridge";
/// The machine's own.
pub(crate) const HOST: &str = "host";
/// That of a container with loopback only.
pub(crate) const NONE: &str = "none";

/// One network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// 64 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `bridge`, `macvlan`, `ipvlan`, `host`, `null`.
    pub driver: String,
    /// When it was made.
    pub created: Timestamp,
    /// Subnets, IPv4 first.
    pub subnets: Vec<Subnet>,
    /// Has IPv4.
    pub ipv4: bool,
    /// Has IPv6.
    pub ipv6: bool,
    /// Nothing leads out of it.
    pub internal: bool,
    /// As asked; it means something to swarms only.
    pub attachable: bool,
    /// Options of whoever gives addresses.
    pub ipam_options: BTreeMap<String, String>,
    /// Docker's driver options.
    pub options: BTreeMap<String, String>,
    /// Data for people and tools.
    pub labels: BTreeMap<String, String>,
    /// Running containers on it, by id.
    pub containers: BTreeMap<String, NetworkMember>,
}

/// One subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The subnet.
    pub subnet: IpNet,
    /// Where addresses come from that nobody asks for.
    #[serde(default)]
    pub range: Option<IpNet>,
    /// The way out.
    pub gateway: Option<IpAddr>,
    /// Addresses that no container gets, by name.
    #[serde(default)]
    pub auxiliary: BTreeMap<String, IpAddr>,
    /// The engine chose it, and may choose another.
    #[serde(default)]
    pub automatic: bool,
    /// Addresses that are taken, and those that are left of the range; not kept.
    #[serde(skip)]
    pub usage: (u128, u128),
}

/// A container on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkMember {
    /// The container's name.
    pub name: String,
    /// The endpoint's id.
    pub endpoint_id: String,
    /// `02:42:ac:11:00:02`.
    pub mac: String,
    /// Address and prefix bits.
    pub address: Option<(IpAddr, u8)>,
    /// Address and prefix bits.
    pub address6: Option<(IpAddr, u8)>,
}

/// Make a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateNetwork {
    /// Its name.
    pub name: String,
    /// Empty is `bridge`.
    pub driver: String,
    /// Docker's driver options.
    pub options: BTreeMap<String, String>,
    /// Data for people and tools.
    pub labels: BTreeMap<String, String>,
    /// Who gives addresses; empty is `default`.
    pub ipam_driver: String,
    /// Its options.
    pub ipam_options: BTreeMap<String, String>,
    /// Subnets; the engine chooses for a family that has none.
    pub subnets: Vec<CreateSubnet>,
    /// Has IPv4; `None` is yes.
    pub ipv4: Option<bool>,
    /// Has IPv6; `None` is no.
    pub ipv6: Option<bool>,
    /// Nothing leads out of it.
    pub internal: bool,
    /// Means something to swarms only.
    pub attachable: bool,
    /// Of a swarm.
    pub ingress: bool,
    /// Empty or `local`; there are no swarms.
    pub scope: String,
    /// A template for others.
    pub config_only: bool,
    /// The template it is made of.
    pub config_from: String,
}

/// One subnet of [`CreateNetwork`], as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateSubnet {
    /// `10.0.0.0/24`; empty is chosen.
    pub subnet: String,
    /// A part of it.
    pub range: String,
    /// An address of it.
    pub gateway: String,
    /// Addresses of it, by name.
    pub auxiliary: BTreeMap<String, String>,
}

/// Which networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFilters {
    /// Prefixes of ids.
    pub id: Vec<String>,
    /// Parts of names.
    pub name: Vec<String>,
    /// Drivers.
    pub driver: Vec<String>,
    /// `key` or `key=value`, all of them.
    pub label: Vec<String>,
    /// `builtin` or `custom`.
    pub kind: Vec<String>,
    /// `local`; there is no other scope.
    pub scope: Vec<String>,
    /// Whether no running container is on it.
    pub dangling: Option<bool>,
}

/// Which networks to remove that nobody is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkPruneFilters {
    /// Made before then.
    pub until: Option<Timestamp>,
    /// `key` or `key=value`, all of them.
    pub label: Vec<String>,
    /// None of these.
    pub label_not: Vec<String>,
}
