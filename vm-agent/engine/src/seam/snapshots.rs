//! A container's root filesystem.

use crate::files::as_root_of;
use async_trait::async_trait;
use berth_image::{Ids, ImageError, ImageId, ImageStore, Snapshot};
use std::path::Path;

/// Gives a container its files: the image's layers with a writable directory on top.
#[async_trait]
pub trait Snapshotter: Send + Sync {
    /// Makes the writable part in `dir` and keeps the image's layers until [`Snapshotter::release`].
    ///
    /// # Errors
    /// The store's.
    async fn prepare(&self, container: &str, image: &ImageId, dir: &Path) -> Result<Snapshot, ImageError>;

    /// Tells whether the layers that a container stands on are whole.
    ///
    /// # Errors
    /// The store's, with the image to pull again.
    async fn intact(&self, container: &str) -> Result<(), ImageError>;

    /// The snapshot prepared before.
    ///
    /// # Errors
    /// The store's.
    async fn get(&self, container: &str, dir: &Path) -> Result<Snapshot, ImageError>;

    /// Mounts the snapshot on `target`, a directory, for a container whose users are `ids` where the snapshot is.
    ///
    /// # Errors
    /// The kernel's words.
    async fn mount(&self, snapshot: &Snapshot, target: &Path, ids: Ids) -> Result<(), ImageError>;

    /// Takes it off again; nothing mounted there is fine.
    ///
    /// # Errors
    /// The kernel's words.
    async fn unmount(&self, target: &Path) -> Result<(), ImageError>;

    /// Deletes the writable part and lets go of the layers. Nothing prepared is fine. Not while it is mounted.
    ///
    /// # Errors
    /// The store's.
    async fn release(&self, container: &str, dir: &Path) -> Result<(), ImageError>;

    /// The containers that have a snapshot.
    ///
    /// # Errors
    /// The store's.
    async fn known(&self) -> Result<Vec<String>, ImageError>;
}

#[async_trait]
impl Snapshotter for ImageStore {
    async fn prepare(&self, container: &str, image: &ImageId, dir: &Path) -> Result<Snapshot, ImageError> {
        Self::prepare(self, container, image, dir).await
    }

    async fn intact(&self, container: &str) -> Result<(), ImageError> {
        Self::intact(self, container).await
    }

    async fn get(&self, container: &str, dir: &Path) -> Result<Snapshot, ImageError> {
        self.snapshot(container, dir).await
    }

    async fn mount(&self, snapshot: &Snapshot, target: &Path, ids: Ids) -> Result<(), ImageError> {
        let (snapshot, target) = (snapshot.clone(), target.to_owned());
        // Overlayfs makes files of its own with the ids of who mounted it.
        let mounted = move || as_root_of(ids, || snapshot.mount(&target));
        blocking(move || mounted().unwrap_or_else(|e| Err(ImageError::Internal(format!("could not mount: {e}"))))).await
    }

    async fn unmount(&self, target: &Path) -> Result<(), ImageError> {
        let target = target.to_owned();
        blocking(move || Snapshot::unmount(&target)).await
    }

    async fn release(&self, container: &str, dir: &Path) -> Result<(), ImageError> {
        Self::release(self, container, dir).await
    }

    async fn known(&self) -> Result<Vec<String>, ImageError> {
        self.snapshots().await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(ImageError::Internal(format!("a mount ended in the middle: {e}"))))
}
