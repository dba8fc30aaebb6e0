//! An image of one layer from an archive of files, such as an exported container.

use crate::{
    History, ImageConfig, ImageId, Reference, Result, added::Added, assemble::blocking, digest::Hashed,
    error::IoContext as _, spool, store::Store, turns::Turns,
};
use std::sync::Arc;
use tokio::io::AsyncRead;

/// An image to be made of an archive.
#[derive(Clone, Debug)]
pub struct Import {
    /// What the image says of itself; it has no layers and no history.
    pub config: ImageConfig,
    /// How its layer came about.
    pub history: History,
    /// The name it gets.
    pub name: Option<Reference>,
}

/// Makes the image. When it returns, the image is durable; what fails leaves nothing.
pub(crate) async fn import(
    store: Arc<Store>,
    turns: Arc<Turns>,
    archive: impl AsyncRead + Unpin,
    import: Import,
) -> Result<ImageId> {
    let Import { config, history, name } = import;
    let scratch = Arc::new(store.layout.scratch()?);
    let path = Added::layer(&scratch);
    let written = spool::plain(archive, &path, Hashed::new).await?;
    let layer = written.finish().at("write", &path)?;
    let added = Added { scratch, layer: Some(layer), config, history, name };
    let made = added.store(store.clone(), turns).await;
    if made.is_err() {
        blocking(move || store.collect()).await?;
    }
    made
}
