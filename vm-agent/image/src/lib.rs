//! Image references, registry client, content store, layers and snapshots.
//!
//! [`ImageStore`] is the whole surface: it pulls, loads, lists, tags and removes images, and gives a container its
//! root filesystem. Everything below it is private to this crate.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod added;
mod assemble;
mod changes;
mod check;
mod commit;
mod config;
mod describe;
mod digest;
mod erase;
mod error;
mod explore;
mod ids;
mod image;
mod image_store;
mod import;
mod layer;
mod load;
mod manifest;
mod pack;
mod platform;
mod progress;
mod pull;
mod push;
mod reference;
mod registry;
mod rooted;
mod save;
mod seal;
mod snapshot;
mod spool;
mod store;
mod turns;
mod unpack;

pub use berth_protocol::settings::{ClientCertificate, ProxySettings, RegistryCertificates};
pub use changes::{Change, ChangeKind};
pub use check::{CheckProgress, Checked, Damage, DamageKind};
pub use commit::Commit;
pub use config::{Credentials, NetworkConfig, StoreConfig};
pub use describe::{Described, DescribedPlatform};
pub use digest::{Digest, InvalidDigest};
pub use error::{ErrorKind, ImageError, Result};
pub use explore::{Explored, LayerFiles, WastedFile};
pub use ids::Ids;
pub use image::{ContainerDefaults, Healthcheck, History, Image, ImageConfig, ImageId, Layer, RootFs};
pub use image_store::{ImageStore, ImageUse, Meaning, Removal};
pub use import::Import;
pub use layer::{Feed, PieceReader, pieces};
pub use pack::{PackError, Packing, mount_of, pack, pack_one};
pub use platform::{InvalidPlatform, Platform};
pub use progress::{
    LayerProgress, LoadEvent, LoadProgress, Progress, PullEvent, PullStatus, PushEvent, PushProgress, UploadProgress,
};
pub use reference::{InvalidReference, Reference};
pub use registry::Found;
pub use rooted::Root;
pub use save::{Saved, WriteArchive};
pub use snapshot::Snapshot;
pub use unpack::{ExtractError, Extraction, extract, is_kernels};
