//! Images.

use super::{Engine, pending};
use crate::{
    Result,
    image::{ImageDetails, ImageFilters, ImageRemoval, ImageSummary, Loaded, PullProgress, RegistryAuth},
};
use futures_util::stream::BoxStream;
use tokio::io::AsyncRead;

/// What a pull says, until it is done or failed. Dropping it ends the pull.
pub type PullStream = BoxStream<'static, Result<PullProgress>>;

impl Engine {
    /// Fetches an image. Errors that are known before anything is fetched are returned; later ones end the stream.
    ///
    /// # Errors
    /// A reference that is none.
    pub async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        auth: Option<RegistryAuth>,
    ) -> Result<PullStream> {
        drop((reference.to_owned(), platform.map(str::to_owned), auth));
        Err(pending(self))
    }

    /// Reads images from an archive (docker's or OCI's, plain, gzip or zstd).
    ///
    /// # Errors
    /// An archive that is none, or holds no image.
    pub async fn load_images(&self, archive: impl AsyncRead + Send + Unpin + 'static) -> Result<Vec<Loaded>> {
        drop(archive);
        Err(pending(self))
    }

    /// The images that fit, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_images(&self, filters: ImageFilters) -> Result<Vec<ImageSummary>> {
        drop(filters);
        Err(pending(self))
    }

    /// Everything about one image, by reference, id or prefix of an id.
    ///
    /// # Errors
    /// No such image.
    pub async fn inspect_image(&self, name: &str) -> Result<ImageDetails> {
        drop(name.to_owned());
        Err(pending(self))
    }

    /// Gives an image another name, `repository[:tag]`.
    ///
    /// # Errors
    /// No such image; a name that is none.
    pub async fn tag_image(&self, name: &str, target: &str) -> Result<()> {
        drop((name.to_owned(), target.to_owned()));
        Err(pending(self))
    }

    /// Takes a name off an image, and with its last name the image.
    ///
    /// # Errors
    /// Conflict while a container uses it (a stopped one yields to force).
    pub async fn remove_image(&self, name: &str, force: bool) -> Result<Vec<ImageRemoval>> {
        drop((name.to_owned(), force));
        Err(pending(self))
    }
}
