//! The use-cases of the container engine: images, containers, logs, events, volumes and networks.
//!
//! [`Engine`] is the whole surface. It knows no HTTP: fronts translate to and from the types here. Texts of
//! [`Error`] are docker's where docker has one, because clients match on them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
pub mod container;
mod engine;
mod error;
pub mod event;
pub mod image;
pub mod log;
pub mod network;
mod port;
pub mod system;
mod timestamp;
pub mod volume;

pub use config::EngineConfig;
pub use engine::{ContainerWait, Engine, PullStream};
pub use error::{Error, ErrorKind};
pub use port::{ContainerPort, PortParseError, Protocol};
pub use timestamp::Timestamp;

/// A result whose error is the engine's.
pub type Result<T, E = Error> = std::result::Result<T, E>;
