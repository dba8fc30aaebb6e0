//! The names that a container can resolve: a small DNS server inside its network namespace.
//!
//! A container on a network of the user's has `nameserver 127.0.0.11` in its `/etc/resolv.conf`. [`Resolver`] answers
//! there, over UDP and TCP, for the names that [`Names`] knows, and hands every other question to the servers of the
//! outside, byte for byte. The sockets are made inside the namespace and served by tasks outside of it, on a port that the
//! kernel picks: a container may have a DNS server of its own on port 53. Questions and answers are RFC 1035's.

mod answer;
mod forward;
mod listen;
mod names;
mod resolvers;
mod server;

pub use answer::{Carrier, Verdict, answer};
pub use names::{Look, Names};
pub use resolvers::Resolvers;
pub use server::Resolver;

use std::net::Ipv4Addr;

/// Where a container asks; docker's number.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
