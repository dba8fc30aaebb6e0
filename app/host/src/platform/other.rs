//! What systems other than Linux do not tell us yet.

use crate::ports::Holder;
use std::net::SocketAddr;

/// Not told here.
#[must_use]
pub fn port_holder(_: SocketAddr) -> Option<Holder> {
    None
}

/// The guest's own roots must do here.
#[must_use]
pub fn added_ca_roots() -> Vec<String> {
    vec![]
}
