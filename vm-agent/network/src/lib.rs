//! Address management, bridges, veth pairs, namespaces and nftables: how containers get on the networks of the machine.
//!
//! [`Networks`] tells the kernel. It makes one named network namespace per container, so that a container's network
//! outlives the engine, and keeps no state that could not be read back from the kernel and its caller. [`AddressPool`]
//! and [`SubnetPools`] are pure: the caller keeps what they say.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod address;
pub mod dns;
mod error;
mod link;
mod mac;
mod namespace;
mod networks;
mod plan;
mod ruleset;
mod subnets;
mod sysctl;

pub use address::AddressPool;
pub use error::Error;
pub use ipnet::{AddrParseError, IpNet, Ipv4Net, Ipv6Net};
pub use mac::MacAddress;
pub use namespace::Origin;
pub use networks::{Networks, NetworksConfig};
pub use plan::{
    DefaultRoute, DefaultRoutes, InterfacePlan, IpvlanFlag, IpvlanMode, MacvlanMode, NAME_MAX, NetworkKind,
    NetworkPlan, Parent, PlannedSubnet, bridge_name,
};
pub use subnets::{SubnetPool, SubnetPools, overlap};
