//! What the kernel is to be told of a network and of a container's place on it. Data.

use crate::{Error, MacAddress};
use ipnet::IpNet;
use std::net::IpAddr;

/// The kernel's limit of an interface's name, without the zero at its end.
pub const NAME_MAX: usize = 15;
/// Digits of an id in an interface's name: with a prefix below [`NAME_MAX`].
const ID_DIGITS: usize = 12;

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    /// 64 hex digits.
    pub id: String,
    /// How it is made.
    pub kind: NetworkKind,
    /// Its subnets: at most one of each family on a bridge.
    pub subnets: Vec<PlannedSubnet>,
    /// Nothing leads out of it.
    pub internal: bool,
    /// Bytes of a packet; `None` leaves it to the kernel.
    pub mtu: Option<u32>,
}

/// One subnet of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedSubnet {
    /// The subnet.
    pub subnet: IpNet,
    /// The address through which its containers reach the rest of the world; a bridge has it.
    pub gateway: Option<IpAddr>,
}

/// How a network is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkKind {
    /// A bridge of the machine, with a pair of interfaces for each container.
    Bridge {
        /// Its interface.
        name: String,
        /// Containers on it reach each other.
        talk: bool,
        /// What leaves it has the machine's address.
        masquerade: bool,
    },
    /// Interfaces with Ethernet addresses of their own on an interface of the machine.
    Macvlan {
        /// The machine's interface.
        parent: Parent,
        /// How they reach each other.
        mode: MacvlanMode,
    },
    /// Interfaces that share the Ethernet address of an interface of the machine.
    Ipvlan {
        /// The machine's interface.
        parent: Parent,
        /// What it switches by.
        mode: IpvlanMode,
        /// How they reach each other.
        flag: IpvlanFlag,
    },
}

/// The interface of the machine below a macvlan or ipvlan network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// One that is there, or `NAME.ID`, a VLAN that is made on one that is there.
    Named(String),
    /// One that leads nowhere, made for the network.
    Own,
}

/// How the interfaces of a macvlan network reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacvlanMode {
    /// Directly.
    Bridge,
    /// Not at all.
    Private,
    /// Through the switch outside.
    Vepa,
    /// There is one only.
    Passthru,
}

/// What an ipvlan network switches by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpvlanMode {
    /// Ethernet.
    L2,
    /// IP, with no broadcast.
    L3,
    /// IP, and the machine's packet filter sees it.
    L3s,
}

/// How the interfaces of an ipvlan network reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpvlanFlag {
    /// Directly.
    Bridge,
    /// Not at all.
    Private,
    /// Through the switch outside.
    Vepa,
}

/// A container's interface on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfacePlan {
    /// The endpoint's id, 64 hex digits.
    pub endpoint: String,
    /// The interface's name in the container, such as `eth0`.
    pub name: String,
    /// Its Ethernet address, where it has one of its own.
    pub mac: MacAddress,
    /// Its addresses with the lengths of their prefixes.
    pub addresses: Vec<IpNet>,
    /// Files below `/proc/sys/net` and what is written into them, such as `ipv4/conf/eth0/log_martians` and `1`.
    pub sysctls: Vec<(String, String)>,
}

/// Where a container's packets go that have no nearer way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultRoutes {
    /// Of IPv4.
    pub v4: Option<DefaultRoute>,
    /// Of IPv6.
    pub v6: Option<DefaultRoute>,
}

/// One default route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultRoute {
    /// The container's interface.
    pub interface: String,
    /// The router; `None` where the interface leads everywhere by itself.
    pub gateway: Option<IpAddr>,
}

impl NetworkPlan {
    /// The interface that is made for the network as a whole, and goes with it.
    ///
    /// # Errors
    /// [`Error::BadId`].
    pub(crate) fn own_interface(&self) -> Result<Option<String>, Error> {
        match &self.kind {
            NetworkKind::Bridge { name, .. } => Ok(Some(name.clone())),
            NetworkKind::Macvlan { parent: Parent::Own, .. } | NetworkKind::Ipvlan { parent: Parent::Own, .. } => {
                named(DUMMY, &self.id).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The usual name of a network's bridge.
///
/// # Errors
/// [`Error::BadId`].
pub fn bridge_name(network: &str) -> Result<String, Error> {
    named(BRIDGE, network)
}

const BRIDGE: &str = "br-";
const DUMMY: &str = "dm-";
const OUTER: &str = "vb";

/// The name of the machine's end of an endpoint's pair.
pub(crate) fn outer(endpoint: &str) -> Result<String, Error> {
    named(OUTER, endpoint)
}

/// Whether an interface is an endpoint's outer end.
pub(crate) fn is_outer(interface: &str) -> bool {
    is_named(interface, OUTER)
}

/// Whether an interface was made for a network.
pub(crate) fn is_networks(interface: &str) -> bool {
    is_named(interface, BRIDGE) || is_named(interface, DUMMY)
}

/// Refuses an id that could name a file elsewhere.
pub(crate) fn check_id(id: &str) -> Result<(), Error> {
    let usable = id.len() >= ID_DIGITS && id.bytes().all(|b| b.is_ascii_hexdigit());
    if usable { Ok(()) } else { Err(Error::BadId(id.to_owned())) }
}

fn named(prefix: &str, id: &str) -> Result<String, Error> {
    check_id(id)?;
    Ok(format!("{prefix}{}", &id[..ID_DIGITS]))
}

fn is_named(interface: &str, prefix: &str) -> bool {
    interface
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == ID_DIGITS && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_name_a_file_elsewhere() {
        for bad in ["", "short", "../../../etc/passwd", "0123456789a/", "0123456789ab.."] {
            assert!(outer(bad).is_err() && bridge_name(bad).is_err(), "{bad}");
        }
        let id = "0123456789abcdef".repeat(4);
        let (outer, bridge) = (outer(&id).unwrap(), bridge_name(&id).unwrap());
        assert_eq!((outer.as_str(), bridge.as_str()), ("vb0123456789ab", "br-0123456789ab"));
        assert!(bridge.len() <= NAME_MAX && is_outer(&outer) && is_networks(&bridge));
        assert!(!is_outer("eth0") && !is_outer("vbox0") && !is_networks("br-lan") && !is_networks("berth0"));
    }
}
