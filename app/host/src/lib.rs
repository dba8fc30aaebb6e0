//! berthd: the background process that owns the machine.
//!
//! [`daemon::run`] is the composition root. Below it every piece is given what it needs: the machine its driver, the
//! ports their guest, the server both.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod daemon;
pub mod guest;
pub mod guest_image;
pub mod instance;
pub mod logging;
pub mod machine;
pub mod platform;
pub mod ports;
mod relay;
mod rewind;
mod routes;
pub mod server;
pub mod settings;
