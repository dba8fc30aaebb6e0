//! Images out of archives and into them.

use super::{
    Engine,
    images::{parse_platform, tagged, told},
};
use crate::{
    Result,
    files::{ArchiveStream, outgoing},
    image::LoadEvent,
    instruction,
};
use berth_image::{ContainerDefaults, History, ImageConfig, Import, Platform, Reference};
use futures_util::stream::BoxStream;
use std::sync::Arc;
use tokio::io::AsyncRead;

/// How an archive of files becomes an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The image's name; `None` leaves it without one.
    pub repository: Option<String>,
    /// The image's tag; `latest` without one.
    pub tag: Option<String>,
    /// A remark.
    pub message: String,
    /// Instructions of a Dockerfile that make its configuration.
    pub changes: Vec<String>,
    /// `os/architecture[/variant]`; the machine's own without one.
    pub platform: Option<String>,
}

/// Where an archive of files comes from.
pub enum ImportSource {
    /// From whoever asks.
    Sent(Box<dyn AsyncRead + Send + Unpin>),
    /// From an address of http or https, as the machine reaches it.
    Url(String),
}

/// What an import says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportEvent {
    /// The archive has begun to come from this address.
    Found(String),
    /// The id of the image that was made.
    Made(String),
}

/// What an import says, until it is done or failed. Dropping it ends the import.
pub type ImportStream = BoxStream<'static, Result<ImportEvent>>;

/// What a load says, until it is done or failed. Dropping it ends the load.
pub type LoadStream = BoxStream<'static, Result<LoadEvent>>;

impl Engine {
    /// Reads images from an archive: docker's or OCI's, plain or compressed, of one platform when one is given.
    ///
    /// # Errors
    /// A platform that is none; an archive that is none ends the stream.
    pub async fn load_images(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        platform: Option<&str>,
    ) -> Result<LoadStream> {
        let platform = parse_platform(platform)?;
        let engine = self.clone();
        Ok(told(|news| async move {
            let progress = {
                let (news, engine) = (news.clone(), engine.clone());
                Arc::new(move |event: LoadEvent| {
                    if let LoadEvent::Loaded { id, name } = &event {
                        let name = name.as_ref().map_or_else(|| id.to_string(), Reference::familiar);
                        engine.tell_image("load", &id.to_string(), &name);
                    }
                    drop(news.send(Ok(event)));
                })
            };
            let images = &engine.inner.seams.images;
            if let Err(e) = images.load(Box::new(archive), platform.as_ref(), progress).await {
                drop(news.send(Err(e.into())));
            }
        }))
    }

    /// Makes an image of one layer from an archive of files. Errors that are known before anything is read are returned;
    /// later ones end the stream.
    ///
    /// # Errors
    /// A name, platform or change that makes no sense.
    pub async fn import_image(&self, archive: ImportSource, options: ImportOptions) -> Result<ImportStream> {
        let import = self.to_import(&options)?;
        let engine = self.clone();
        Ok(told(|news| async move {
            let images = &engine.inner.seams.images;
            let name = import.name.clone();
            let made = match archive {
                ImportSource::Sent(archive) => images.import(archive, import).await,
                ImportSource::Url(url) => {
                    let news = news.clone();
                    let found = move |url| drop(news.send(Ok(ImportEvent::Found(url))));
                    images.import_from(&url, Box::new(found), import).await
                }
            };
            let told = made.map(|image| {
                let id = image.id.to_string();
                if let Some(name) = name {
                    engine.tell_image("tag", &id, &name.familiar());
                }
                engine.tell_image("import", &id, &id);
                ImportEvent::Made(id)
            });
            drop(news.send(told.map_err(Into::into)));
        }))
    }

    fn to_import(&self, options: &ImportOptions) -> Result<Import> {
        let name = tagged(options.repository.as_deref(), options.tag.as_deref())?;
        let platform = parse_platform(options.platform.as_deref())?.unwrap_or_else(Platform::native);
        let mut defaults = ContainerDefaults::default();
        instruction::apply(&options.changes, &mut defaults)?;
        let now = self.inner.seams.clock.now().rfc3339();
        let config = ImageConfig {
            created: Some(now.clone()),
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            config: defaults,
            ..ImageConfig::default()
        };
        let history = History { created: Some(now), comment: Some(options.message.clone()), ..History::default() };
        Ok(Import { config, history, name })
    }

    /// Writes images to an archive; a name without a tag is all tags of its repository.
    ///
    /// # Errors
    /// No such image, also for one of another platform than the one given.
    pub async fn save_images(&self, names: &[String], platform: Option<&str>) -> Result<ArchiveStream> {
        let platform = parse_platform(platform)?;
        let saved = self.inner.seams.images.save(names, platform.as_ref()).await?;
        for id in &saved.images {
            self.tell_image("save", &id.to_string(), &id.to_string());
        }
        Ok(outgoing(move |out| (saved.write)(out)))
    }
}
