//! Wire types and framing between host and guest: the only crate both sides use.
//!
//! No I/O happens here. Every type is either serde data or a function from bytes to bytes, so both sides can test
//! the same code without a socket.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod boot;
pub mod control;
pub mod datagram;
pub mod detach_keys;
pub mod forward;
pub mod frame;
pub mod handshake;
pub mod port;
pub mod publish;
pub mod settings;
pub mod uplink;
