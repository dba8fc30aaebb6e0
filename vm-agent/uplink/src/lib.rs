//! The guest's end of the way out: a TUN device, and a stream to the gateway on the host for its packets.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod device;
mod offload;
mod pump;

pub use device::{make, open};
pub use pump::{Pump, Stream};
