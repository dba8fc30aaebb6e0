//! The host surface of Berth: everything a window, a command line or a test may ask of it, and the answers.
//!
//! Types here are plain data (`serde`, and `specta::Type` with the feature `specta`), so that a GUI can pass them on
//! unchanged. [`Client`] speaks to berthd over its one local socket; the container half of it is the Docker Engine API
//! that berthd passes through to the guest.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod client;
pub mod container;
pub mod daemon;
pub mod docker_config;
pub mod error;
pub mod home;
pub mod image;
pub mod local;
pub mod login;
pub mod machine;
pub mod network;
pub mod port;
pub mod problem;
pub mod run;
pub mod share;
pub mod volume;
pub mod welcome;

pub use berth_protocol::detach_keys;
pub use client::Client;
pub use container::{ContainerRow, ContainerState, PortRow};
pub use docker_config::DockerConfig;
pub use error::Error;
pub use home::BerthHome;
pub use image::{CheckStep, ImageCheck, ImageDamage, ImageRow, PullProgress};
pub use login::{Login, Logins};
pub use machine::{Acceleration, BootStep, MachineState, MachineStatus, StepState};
pub use port::{PortHealth, PortUse, PublishedPort, SharePorts};
pub use problem::{Code, Problem};
pub use run::RunRequest;
pub use share::Share;
pub use volume::VolumeRow;
pub use welcome::Welcome;

/// Version of the host programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
