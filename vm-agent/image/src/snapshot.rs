//! A container's root filesystem: an image's layers below, a writable directory on top.

use crate::Result;
use std::path::{Path, PathBuf};

/// The parts of an overlay mount. It holds no resource: the store remembers what a container uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Read-only directories, uppermost first.
    pub lower: Vec<PathBuf>,
    /// Where changes go.
    pub upper: PathBuf,
    /// The overlay's scratch directory, on the same filesystem as `upper`.
    pub work: PathBuf,
}

impl Snapshot {
    /// Mounts the snapshot on the directory `target`. Blocks; call it where blocking is allowed.
    ///
    /// # Errors
    /// [`ImageError::Io`](crate::ImageError::Io) with the kernel's own words.
    pub fn mount(&self, target: &Path) -> Result<()> {
        overlay::mount(self, target)
    }

    /// Unmounts what [`Snapshot::mount`] mounted; nothing mounted there is fine.
    ///
    /// # Errors
    /// [`ImageError::Io`](crate::ImageError::Io), for instance when something still uses it.
    pub fn unmount(target: &Path) -> Result<()> {
        overlay::unmount(target)
    }
}

mod overlay;
