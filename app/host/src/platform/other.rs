//! What systems other than Linux do not tell us yet.

use crate::ports::Holder;
use berth_protocol::publish::Transport;
use std::net::SocketAddr;

/// Not told here.
#[must_use]
pub fn port_holder(_: Transport, _: SocketAddr) -> Option<Holder> {
    None
}

/// The guest's own roots must do here.
#[must_use]
pub fn added_ca_roots() -> Vec<String> {
    vec![]
}

/// No such rule, or none that a command lifts.
#[must_use]
pub fn low_ports(_: u16) -> String {
    String::new()
}
