//! The gateway: what a guest sends to the outside as IP packets leaves through sockets of the host, and what they answer
//! comes back as packets. To the guest the outside looks as it does to the host: a connection is answered only once the
//! host's own was, a refusal is a refusal, silence is silence, and names are those of the host's resolver.
//!
//! [`Gateway`] serves one guest, over one [`link`] after the other. Flows outlive a link that broke: to them it is a
//! moment in which packets were lost.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod destination;
mod dns;
mod fragments;
mod gateway;
pub mod link;
mod packet;
mod ping;
pub mod proxy;
mod reply;
mod tcp;
mod udp;

pub use gateway::{Gateway, Settings};
