//! Bridges, veth pairs, nftables and address management: how a container gets on the network of the machine.
//!
//! [`BridgeNetwork`] is the default bridge. It makes one named network namespace per container, so that a container's
//! network outlives the engine, and keeps no state that could not be read back from the kernel and its caller.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod address;
mod bridge;
pub mod dns;
mod error;
mod link;
mod namespace;
mod ruleset;

pub use address::{AddressPool, Subnet};
pub use bridge::{BridgeConfig, BridgeNetwork, Endpoint, MacAddress};
pub use error::Error;
pub use namespace::Origin;
