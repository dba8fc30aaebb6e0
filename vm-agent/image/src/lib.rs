//! Image references, registry client, content store, layers and snapshots.
//!
//! [`ImageStore`] is the whole surface: it pulls, loads, lists, tags and removes images, and gives a container its
//! root filesystem. Everything below it is private to this crate.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod assemble;
mod config;
mod digest;
mod erase;
mod error;
mod image;
mod image_store;
mod layer;
mod load;
mod manifest;
mod platform;
mod progress;
mod pull;
mod reference;
mod registry;
mod rooted;
mod snapshot;
mod store;
mod turns;
mod unpack;

pub use config::{Credentials, NetworkConfig, StoreConfig};
pub use digest::{Digest, InvalidDigest};
pub use error::{ErrorKind, ImageError, Result};
pub use image::{ContainerDefaults, Healthcheck, History, Image, ImageConfig, ImageId, Layer, RootFs};
pub use image_store::{ImageStore, ImageUse, Loaded, Removal};
pub use platform::{InvalidPlatform, Platform};
pub use progress::{LayerProgress, Progress, PullEvent, PullStatus};
pub use reference::{InvalidReference, Reference};
pub use snapshot::Snapshot;
