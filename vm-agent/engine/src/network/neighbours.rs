//! Whom a container may call by which names: what its name server asks.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A network that a container is on, with everybody on it who runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourNetwork {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Made by the user: only there are names resolved.
    pub user_defined: bool,
    /// Nothing leads out of it.
    pub internal: bool,
    /// What the container calls others: its word, and the id of whom it means.
    pub links: Vec<(String, String)>,
    /// Everybody on it, the container itself too.
    pub members: Vec<Neighbour>,
}

/// A running container on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub container: String,
    /// Its own name, its aliases on this network, its short id and its host name; the first is its own.
    pub names: Vec<String>,
    /// Its IPv4 address there.
    pub v4: Option<Ipv4Addr>,
    /// Its IPv6 address there.
    pub v6: Option<Ipv6Addr>,
}
