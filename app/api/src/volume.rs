//! Volumes as a list shows them.

use serde::{Deserialize, Serialize};

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct VolumeRow {
    /// Its name.
    pub name: String,
    /// `local`.
    pub driver: String,
    /// Where it lies in the guest.
    pub mountpoint: String,
}

impl From<bollard::models::Volume> for VolumeRow {
    fn from(volume: bollard::models::Volume) -> Self {
        Self { name: volume.name, driver: volume.driver, mountpoint: volume.mountpoint }
    }
}
