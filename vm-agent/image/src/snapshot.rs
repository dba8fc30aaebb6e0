//! A container's root filesystem: an image's layers below, a writable directory on top.

mod overlay;

use crate::{
    Result,
    erase::erase,
    error::IoContext as _,
    store::{LayerRow, Layout},
};
use std::{
    fs::{DirBuilder, Permissions},
    os::fd::OwnedFd,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

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

    /// The same directories, found below `to` instead of below `from`.
    #[must_use]
    pub fn moved(&self, from: &Path, to: &Path) -> Self {
        let moved = |path: &PathBuf| path.strip_prefix(from).map_or_else(|_| path.clone(), |below| to.join(below));
        Self { lower: self.lower.iter().map(moved).collect(), upper: moved(&self.upper), work: moved(&self.work) }
    }

    /// The snapshot as a mount that no namespace has: it goes with the last descriptor of it. It must not be mounted
    /// elsewhere at the same time. Blocks.
    ///
    /// # Errors
    /// [`ImageError::Io`](crate::ImageError::Io) with the kernel's own words.
    pub fn detached(&self) -> Result<OwnedFd> {
        overlay::detached(self).at("mount overlay of", &self.upper)
    }

    /// What its layers show, without what was changed. Blocks.
    ///
    /// # Errors
    /// [`ImageError::Io`](crate::ImageError::Io) with the kernel's own words.
    pub fn layers(&self) -> Result<OwnedFd> {
        overlay::layers(self).at("mount the layers below", &self.upper)
    }

    /// Unmounts what [`Snapshot::mount`] mounted; nothing mounted there is fine.
    ///
    /// # Errors
    /// [`ImageError::Io`](crate::ImageError::Io), for instance when something still uses it.
    pub fn unmount(target: &Path) -> Result<()> {
        overlay::unmount(target)
    }
}

/// The snapshot of these layers (lowest first) in `dir`.
pub(crate) fn describe(layout: &Layout, layers: &[LayerRow], dir: &Path) -> Snapshot {
    let mut lower: Vec<PathBuf> = layers.iter().rev().map(|row| layout.diff(&row.tree)).collect();
    if lower.is_empty() {
        lower.push(layout.empty());
    }
    Snapshot { lower, upper: dir.join("upper"), work: dir.join("work") }
}

/// Makes the writable directories. What is there already stays.
pub(crate) fn prepare(layout: &Layout, layers: &[LayerRow], dir: &Path) -> Result<Snapshot> {
    let snapshot = describe(layout, layers, dir);
    for path in [&snapshot.upper, &snapshot.work] {
        DirBuilder::new().recursive(true).mode(0o755).create(path).at("create", path)?;
    }
    // The overlay's root has the attributes of the upper directory, so that gets the image's.
    let described = layers.iter().rev().find(|row| row.describes_root);
    let (mode, owner) = match described {
        Some(row) => {
            let path = layout.diff(&row.tree);
            let root = path.metadata().at("read", &path)?;
            (root.mode() & 0o7777, (root.uid(), root.gid()))
        }
        None => (0o755, (0, 0)),
    };
    let upper = &snapshot.upper;
    std::os::unix::fs::chown(upper, Some(owner.0), Some(owner.1)).at("set the owner of", upper)?;
    std::fs::set_permissions(upper, Permissions::from_mode(mode)).at("set the mode of", upper)?;
    Ok(snapshot)
}

/// Deletes the writable directories.
pub(crate) fn delete(dir: &Path) -> Result<()> {
    for name in ["upper", "work"] {
        let path = dir.join(name);
        erase(&path).at("delete", &path)?;
    }
    Ok(())
}
