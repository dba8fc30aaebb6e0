//! Why something on the network could not be done.

use ipnet::IpNet;
use std::{io, net::IpAddr, path::PathBuf};

/// Why something on the network could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Every address of the subnet is taken.
    #[error("no address is left in {0}; remove a container that runs")]
    Exhausted(IpNet),
    /// The address belongs to another container, to the gateway, or to nobody on purpose.
    #[error("the address {0} is taken")]
    AddressTaken(IpAddr),
    /// The subnet has not this address, or no host may have it.
    #[error("the address {0} is not one for a container of this network")]
    OutOfRange(IpAddr),
    /// The subnet has no room for a container.
    #[error("{0} is no subnet for containers")]
    BadSubnet(IpNet),
    /// The block cannot be cut into such subnets.
    #[error("{base} cannot be cut into subnets of /{size}")]
    BadPool {
        /// The block.
        base: IpNet,
        /// Bits of the subnets' prefixes.
        size: u8,
    },
    /// The text is no Ethernet address of an interface.
    #[error("address {0}: invalid MAC address")]
    BadMac(String),
    /// The id cannot name a namespace and an interface.
    #[error("`{0}` is no id of a container, a network or an endpoint")]
    BadId(String),
    /// The machine has no such interface.
    #[error("the machine has no interface {0}; leave the parent option out, or give one that it has")]
    NoParent(String),
    /// The interface has no Ethernet, which a macvlan network needs.
    #[error(
        "the interface {0} of the machine carries no Ethernet; leave the parent option out, or use a bridge network"
    )]
    NoEthernet(String),
    /// The interface is there and is something else.
    #[error("the interface {0} of the machine is not a bridge; give the network's bridge another name")]
    NotABridge(String),
    /// The kernel lacks a module.
    #[error("the machine's kernel has no {0} interfaces; use a bridge network")]
    NoModule(&'static str),
    /// The kernel refused a request over netlink.
    #[error("could not {doing}: {why}")]
    Netlink {
        /// What was asked.
        doing: &'static str,
        /// The kernel's answer.
        why: String,
    },
    /// A system call failed.
    #[error("could not {doing} {}: {source}", path.display())]
    Io {
        /// What was done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// `nft` refused the rules.
    #[error("nft refused the rules: {0}")]
    Rules(String),
    /// The thread that works inside a namespace is gone.
    #[error("the thread that works in a network namespace ended without an answer")]
    ThreadLost,
}

impl Error {
    pub(crate) fn netlink(doing: &'static str) -> impl FnOnce(rtnetlink::Error) -> Self {
        move |e| Self::Netlink { doing, why: e.to_string() }
    }

    pub(crate) fn gone(doing: &'static str) -> Self {
        Self::Netlink { doing, why: "it is gone".to_owned() }
    }

    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
