//! Images by name.

use async_trait::async_trait;
use berth_image::{
    CheckProgress, Checked, Commit, Credentials, Described, Explored, Found, Image, ImageError, ImageId, ImageStore,
    ImageUse, Import, LoadProgress, Meaning, Platform, Progress, PushProgress, Reference, Removal, Saved,
};
use tokio::io::AsyncRead;

/// Tells which container uses an image.
pub type InUse = dyn Fn(&ImageId) -> Option<ImageUse> + Send + Sync;

/// Knows images. The real one is [`ImageStore`].
#[async_trait]
pub trait Images: Send + Sync {
    /// Fetches an image; dropping the future ends the pull and leaves nothing behind.
    ///
    /// # Errors
    /// The store's.
    async fn pull(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: Progress,
    ) -> Result<Image, ImageError>;

    /// Sends an image, or those of all tags of a repository, to the registry of its name; dropping the future ends it.
    ///
    /// # Errors
    /// The store's.
    async fn push(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: PushProgress,
    ) -> Result<(), ImageError>;

    /// Shows credentials to a registry; gives the refresh token that stands for them, where the registry has such.
    ///
    /// # Errors
    /// The store's.
    async fn log_in(&self, server: &str, credentials: &Credentials) -> Result<Option<String>, ImageError>;

    /// What a registry has under a name.
    ///
    /// # Errors
    /// The store's.
    async fn describe(&self, reference: &Reference, credentials: Option<&Credentials>)
    -> Result<Described, ImageError>;

    /// At most `limit` repositories whose name fits `term`.
    ///
    /// # Errors
    /// The store's.
    async fn search(
        &self,
        term: &str,
        limit: usize,
        credentials: Option<&Credentials>,
    ) -> Result<Vec<Found>, ImageError>;

    /// Reads an archive.
    ///
    /// # Errors
    /// The store's.
    async fn load(
        &self,
        archive: Box<dyn AsyncRead + Send + Unpin>,
        platform: Option<&Platform>,
        progress: LoadProgress,
    ) -> Result<(), ImageError>;

    /// Makes an image of an archive of files; it is durable when this returns.
    ///
    /// # Errors
    /// The store's.
    async fn import(&self, archive: Box<dyn AsyncRead + Send + Unpin>, import: Import) -> Result<Image, ImageError>;

    /// [`Images::import`] of the archive at an address; `found` is told when it has begun to come.
    ///
    /// # Errors
    /// The store's.
    async fn import_from(
        &self,
        url: &str,
        found: Box<dyn FnOnce(String) + Send>,
        import: Import,
    ) -> Result<Image, ImageError>;

    /// Prepares to write an archive.
    ///
    /// # Errors
    /// The store's.
    async fn save(&self, names: &[String], platform: Option<&Platform>) -> Result<Saved, ImageError>;

    /// The image a name, id or prefix of an id means.
    ///
    /// # Errors
    /// The store's.
    async fn resolve(&self, name: &str) -> Result<Image, ImageError>;

    /// All, newest first.
    ///
    /// # Errors
    /// The store's.
    async fn list(&self) -> Result<Vec<Image>, ImageError>;

    /// What the layers of an image do to the files of those below.
    ///
    /// # Errors
    /// The store's.
    async fn explore(&self, name: &str) -> Result<(Image, Explored), ImageError>;

    /// What a tag means and meant before, the last first.
    ///
    /// # Errors
    /// The store's.
    async fn meanings(&self, name: &Reference) -> Result<Vec<Meaning>, ImageError>;

    /// Gives an image another name.
    ///
    /// # Errors
    /// The store's.
    async fn tag(&self, source: &str, target: &Reference) -> Result<Image, ImageError>;

    /// Takes a name off, and removes the image with its last; `in_use` tells who uses it.
    ///
    /// # Errors
    /// The store's.
    async fn remove(&self, name: &str, force: bool, in_use: &InUse) -> Result<Vec<Removal>, ImageError>;

    /// Makes an image of what a container changed; it is durable when this returns.
    ///
    /// # Errors
    /// The store's.
    async fn commit(&self, commit: Commit) -> Result<Image, ImageError>;

    /// Reads all that is stored, and sets aside what is damaged.
    ///
    /// # Errors
    /// The store's.
    async fn check(&self, progress: CheckProgress) -> Result<Checked, ImageError>;

    /// The machine goes down in order.
    ///
    /// # Errors
    /// The store's.
    async fn close(&self) -> Result<(), ImageError>;
}

#[async_trait]
impl Images for ImageStore {
    async fn pull(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: Progress,
    ) -> Result<Image, ImageError> {
        Self::pull(self, reference, platform, credentials, progress).await
    }

    async fn push(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: PushProgress,
    ) -> Result<(), ImageError> {
        Self::push(self, reference, platform, credentials, progress).await
    }

    async fn log_in(&self, server: &str, credentials: &Credentials) -> Result<Option<String>, ImageError> {
        Self::log_in(self, server, credentials).await
    }

    async fn describe(
        &self,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Described, ImageError> {
        Self::describe(self, reference, credentials).await
    }

    async fn search(
        &self,
        term: &str,
        limit: usize,
        credentials: Option<&Credentials>,
    ) -> Result<Vec<Found>, ImageError> {
        Self::search(self, term, limit, credentials).await
    }

    async fn load(
        &self,
        archive: Box<dyn AsyncRead + Send + Unpin>,
        platform: Option<&Platform>,
        progress: LoadProgress,
    ) -> Result<(), ImageError> {
        Self::load(self, archive, platform, progress).await
    }

    async fn import(&self, archive: Box<dyn AsyncRead + Send + Unpin>, import: Import) -> Result<Image, ImageError> {
        Self::import(self, archive, import).await
    }

    async fn import_from(
        &self,
        url: &str,
        found: Box<dyn FnOnce(String) + Send>,
        import: Import,
    ) -> Result<Image, ImageError> {
        Self::import_from(self, url, found, import).await
    }

    async fn save(&self, names: &[String], platform: Option<&Platform>) -> Result<Saved, ImageError> {
        Self::save(self, names, platform).await
    }

    async fn resolve(&self, name: &str) -> Result<Image, ImageError> {
        Self::resolve(self, name).await
    }

    async fn list(&self) -> Result<Vec<Image>, ImageError> {
        Self::list(self).await
    }

    async fn explore(&self, name: &str) -> Result<(Image, Explored), ImageError> {
        Self::explore(self, name).await
    }

    async fn meanings(&self, name: &Reference) -> Result<Vec<Meaning>, ImageError> {
        Self::meanings(self, name).await
    }

    async fn tag(&self, source: &str, target: &Reference) -> Result<Image, ImageError> {
        Self::tag(self, source, target).await
    }

    async fn remove(&self, name: &str, force: bool, in_use: &InUse) -> Result<Vec<Removal>, ImageError> {
        Self::remove(self, name, force, in_use).await
    }

    async fn commit(&self, commit: Commit) -> Result<Image, ImageError> {
        Self::commit(self, commit).await
    }

    async fn check(&self, progress: CheckProgress) -> Result<Checked, ImageError> {
        Self::check(self, progress).await
    }

    async fn close(&self) -> Result<(), ImageError> {
        Self::close(self).await
    }
}

/// The store's errors in the engine's terms; the texts are docker's already.
impl From<ImageError> for crate::Error {
    fn from(error: ImageError) -> Self {
        use berth_image::ErrorKind as K;
        let text = error.to_string();
        match (error.kind(), error) {
            (_, ImageError::NoSuchImage(name)) => Self::NoSuchImage(name),
            (K::NotFound, _) => Self::NotFound(text),
            (K::Conflict, _) => Self::ImageInUse(text),
            (K::Unauthorized, _) => Self::Unauthorized(text),
            (K::Invalid, _) => Self::InvalidParameter(text),
            (K::Unavailable, _) => Self::Unavailable(text),
            (K::Damaged | K::Internal, _) => Self::Internal(text),
        }
    }
}
