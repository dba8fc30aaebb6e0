//! The facade.

use crate::{Credentials, Image, ImageError, ImageId, Platform, Progress, Reference, Result, Snapshot, StoreConfig};
use std::{path::Path, sync::Arc};
use tokio::io::AsyncRead;

/// The images of one machine. Cloning gives another handle to the same store.
#[derive(Clone, Debug)]
pub struct ImageStore {
    inner: Arc<StoreConfig>,
}

/// A container that uses an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// Its name or short id, for people.
    pub container: String,
    /// Whether it runs: then its image cannot be deleted even by force.
    pub running: bool,
}

/// One line of what a removal did; `Display` gives docker's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A name was taken off.
    Untagged(Reference),
    /// An image or a layer (its chain id) was deleted.
    Deleted(ImageId),
}

/// One image of a loaded archive; `Display` gives docker's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its id.
    pub id: ImageId,
    /// The name it was loaded under.
    pub name: Option<Reference>,
}

impl std::fmt::Display for Removal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untagged(name) => write!(f, "Untagged: {}", name.familiar()),
            Self::Deleted(id) => write!(f, "Deleted: {id}"),
        }
    }
}

impl std::fmt::Display for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "Loaded image: {}", name.familiar()),
            None => write!(f, "Loaded image ID: {}", self.id),
        }
    }
}

impl ImageStore {
    /// Opens the store, creates it when missing, and clears away what a crash left half-made.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`ImageError::Database`], [`ImageError::NewerFormat`].
    pub async fn open(config: StoreConfig) -> Result<Self> {
        Ok(Self { inner: Arc::new(config) })
    }

    /// Pulls an image; `latest` when the reference has neither tag nor digest, the native platform when none is
    /// given. When it returns, the image is durable. Dropping the future ends the pull and leaves nothing behind.
    ///
    /// # Errors
    /// Any [`ImageError`]; see [`ImageError::kind`].
    pub async fn pull(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: Progress,
    ) -> Result<Image> {
        let _ = (reference, platform, credentials, progress, &self.inner);
        Err(ImageError::Internal("the facade has landed, the body follows".into()))
    }

    /// Loads a docker archive or an OCI layout, plain or compressed tar, as `docker save` writes it.
    ///
    /// # Errors
    /// Any [`ImageError`] but those of registries.
    pub async fn load(&self, archive: impl AsyncRead + Send + Unpin) -> Result<Vec<Loaded>> {
        let _ = archive;
        Err(ImageError::Internal("the facade has landed, the body follows".into()))
    }

    /// The image that `name` means: a name with or without tag, a name with a digest, an id, or a prefix of exactly
    /// one id.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::Ambiguous`].
    pub async fn resolve(&self, name: &str) -> Result<Image> {
        Err(ImageError::NoSuchImage(name.to_owned()))
    }

    /// All images, newest first.
    ///
    /// # Errors
    /// [`ImageError::Database`].
    pub async fn list(&self) -> Result<Vec<Image>> {
        Ok(vec![])
    }

    /// Lets `target` (with `latest` when it has no tag) mean the image that `source` means.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`]; [`ImageError::Malformed`] when `target` has a digest.
    pub async fn tag(&self, source: &str, target: &Reference) -> Result<Image> {
        let _ = target;
        self.resolve(source).await
    }

    /// Takes a name off an image, and deletes the image with its last name. By id, takes off all its names when they
    /// are of one repository or `force` is given. `in_use` tells which container uses an image; a stopped one yields
    /// to `force` (its layers stay until it is gone), a running one never.
    ///
    /// # Errors
    /// [`ImageError::Conflict`]; as [`ImageStore::resolve`].
    pub async fn remove(
        &self,
        name: &str,
        force: bool,
        in_use: &(dyn Fn(&ImageId) -> Option<ImageUse> + Send + Sync),
    ) -> Result<Vec<Removal>> {
        let image = self.resolve(name).await?;
        let _ = (force, in_use(&image.id));
        Ok(vec![])
    }

    /// Makes a container's snapshot of `image` with `upper/` and `work/` in `dir`, and keeps the image's layers until
    /// [`ImageStore::release`], whatever happens to the image. Preparing again gives the same snapshot.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::Io`], [`ImageError::Database`].
    pub async fn prepare(&self, container: &str, image: &ImageId, dir: &Path) -> Result<Snapshot> {
        let _ = dir;
        Err(ImageError::NoSuchImage(format!("{image} for {container}")))
    }

    /// The snapshot that was prepared for a container, for instance before the engine was started again.
    ///
    /// # Errors
    /// [`ImageError::NoSuchSnapshot`], [`ImageError::Database`].
    pub async fn snapshot(&self, container: &str, dir: &Path) -> Result<Snapshot> {
        let _ = dir;
        Err(ImageError::NoSuchSnapshot(container.to_owned()))
    }

    /// Deletes `upper/` and `work/` in `dir` and lets go of the layers. The snapshot must not be mounted. A container
    /// without a snapshot is fine.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`ImageError::Database`].
    pub async fn release(&self, container: &str, dir: &Path) -> Result<()> {
        let _ = (container, dir);
        Ok(())
    }

    /// The containers that have a snapshot, so that the engine can release those it does not know.
    ///
    /// # Errors
    /// [`ImageError::Database`].
    pub async fn snapshots(&self) -> Result<Vec<String>> {
        Ok(vec![])
    }
}
