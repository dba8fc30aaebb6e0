//! The image store against a real registry server on loopback. Needs root (layers carry owners, devices and trusted
//! attributes) and Debian's `docker-registry`.
#![allow(clippy::unwrap_used, missing_docs)]

mod collect;
mod concurrent;
mod damage;
mod explore;
mod faults;
mod fixture;
mod foreign;
mod gate;
mod hostile;
mod import;
mod killed;
mod load;
mod misbehaving;
mod names;
mod previous;
mod proxy;
mod pull;
mod push;
mod reach;
mod registry;
mod remove;
mod save;
mod secure;
mod snapshot;
mod world;
