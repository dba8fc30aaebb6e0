//! Why something on the network could not be done.

use std::{io, net::Ipv4Addr, path::PathBuf};

/// Why something on the network could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Every address of the subnet is taken.
    #[error("no address is left in {0}; remove a container that runs")]
    Exhausted(crate::Subnet),
    /// The address belongs to another container or to the bridge.
    #[error("the address {0} is taken")]
    AddressTaken(Ipv4Addr),
    /// The subnet has no room for a gateway and a container.
    #[error("{gateway}/{prefix} is no subnet for containers")]
    BadSubnet {
        /// The gateway's address.
        gateway: Ipv4Addr,
        /// Bits of the prefix.
        prefix: u8,
    },
    /// The id cannot name a namespace and an interface.
    #[error("`{0}` is no container id")]
    BadId(String),
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
    /// The thread that works inside a new namespace is gone.
    #[error("the thread that makes a network namespace ended without an answer")]
    ThreadLost,
}

impl Error {
    pub(crate) fn netlink(doing: &'static str) -> impl FnOnce(rtnetlink::Error) -> Self {
        move |e| Self::Netlink { doing, why: e.to_string() }
    }

    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
