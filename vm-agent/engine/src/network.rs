//! Networks, as the engine tells about them.

use crate::Timestamp;
use std::{collections::BTreeMap, net::IpAddr};

/// One network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// 64 hex digits.
    pub id: String,
    /// `bridge`, `host`, `none`.
    pub name: String,
    /// `bridge`, `host`, `null`.
    pub driver: String,
    /// When it was made.
    pub created: Timestamp,
    /// Subnets, IPv4 first.
    pub subnets: Vec<Subnet>,
    /// Has IPv6.
    pub ipv6: bool,
    /// Docker's driver options.
    pub options: BTreeMap<String, String>,
    /// Running containers on it, by id.
    pub containers: BTreeMap<String, NetworkMember>,
}

/// One subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The network's address.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub prefix: u8,
    /// The bridge's own address.
    pub gateway: IpAddr,
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

/// Which networks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFilters {
    /// Prefixes of ids.
    pub id: Vec<String>,
    /// Parts of names.
    pub name: Vec<String>,
    /// Drivers.
    pub driver: Vec<String>,
    /// `key` or `key=value`; no network of the engine has labels yet.
    pub label: Vec<String>,
    /// `builtin` or `custom`.
    pub kind: Vec<String>,
}
