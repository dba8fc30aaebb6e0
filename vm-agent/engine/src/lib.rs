//! The use-cases of the container engine: images, containers, logs, events, volumes and networks.
//!
//! [`Engine`] is the whole surface. It knows no HTTP: fronts translate to and from the types here. Texts of
//! [`Error`] are docker's where docker has one, because clients match on them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod attach;
mod config;
pub mod container;
mod defaults;
mod engine;
mod error;
pub mod event;
pub mod exec;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod files;
mod filter;
pub mod image;
mod instruction;
pub mod log;
mod modules;
pub mod network;
mod paths;
mod port;
mod port_link;
mod rootfs;
mod roster;
mod runtime_cli;
pub mod seam;
mod signal;
mod spec;
pub mod stats;
mod store;
pub mod system;
mod timestamp;
pub mod top;
mod tree_size;
mod truth;
mod users;
pub mod volume;

pub use config::EngineConfig;
pub use engine::{
    CheckStream, CommitOptions, ContainerWait, Engine, ImportEvent, ImportOptions, ImportSource, ImportStream,
    LoadStream, PullStream, PushStream,
};
pub use error::{Error, ErrorKind};
pub use port::{ContainerPort, PortParseError, Protocol};
pub use port_link::{HostNews, PortLink};
pub use runtime_cli::RuntimeCli;
pub use timestamp::Timestamp;

/// A result whose error is the engine's.
pub type Result<T, E = Error> = std::result::Result<T, E>;
