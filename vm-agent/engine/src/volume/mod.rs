//! Volumes, as the engine tells about them.

pub(crate) mod fill;
pub(crate) mod name;

use crate::Timestamp;
use std::{collections::BTreeMap, path::PathBuf};

/// Make a volume, or get the one of this name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateVolume {
    /// `None` or empty makes up 64 hex digits.
    pub name: Option<String>,
    /// `local` or empty.
    pub driver: String,
    /// Options of the driver; `local` takes none for now.
    pub driver_options: BTreeMap<String, String>,
    /// Data.
    pub labels: BTreeMap<String, String>,
}

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// `local`.
    pub driver: String,
    /// Where its data is in the machine.
    pub mountpoint: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// Data.
    pub labels: BTreeMap<String, String>,
    /// Made without a name.
    pub anonymous: bool,
}

/// Which volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeFilters {
    /// Parts of names.
    pub name: Vec<String>,
    /// Drivers.
    pub driver: Vec<String>,
    /// `key` or `key=value`.
    pub label: Vec<String>,
    /// Only those no container uses, or only those one does.
    pub dangling: Option<bool>,
    /// Prune: named ones too.
    pub all: bool,
}

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumesPruned {
    /// Names.
    pub deleted: Vec<String>,
    /// Bytes.
    pub space_reclaimed: u64,
}
