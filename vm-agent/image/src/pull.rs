//! From a registry into the store.

use crate::{
    Credentials, Digest, Image, ImageConfig, ImageError, LayerProgress, Platform, Progress, PullEvent, PullStatus,
    Reference, Result,
    assemble::{Assembly, Feeder, Open, Report, Source, blocking, plans},
    layer,
    manifest::{self, Descriptor, Document, Manifest},
    registry::{Access, Client, RESUMES, Served, Session, back_off},
    store::{NewImage, Store},
    turns::Turns,
};
use futures_util::StreamExt as _;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// Pieces that have come and are not unpacked yet.
const PIECES: usize = 32;
/// How often a download tells how far it is.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// What is pulled, and how.
pub(crate) struct Pull {
    pub(crate) store: Arc<Store>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) client: Arc<Client>,
    pub(crate) reference: Reference,
    pub(crate) platform: Option<Platform>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) progress: Progress,
}

/// An image's documents, checked against their digests.
struct Documents {
    /// What the registry served for the name.
    served: Served,
    /// The manifest of the platform, when `served` is an index.
    inner: Option<Served>,
    manifest: Manifest,
    config_json: Vec<u8>,
    config: ImageConfig,
}

impl Pull {
    pub(crate) async fn run(self) -> Result<Image> {
        let reference = &self.reference;
        (self.progress)(PullEvent::Pulling { reference: reference.clone() });
        for mirror in self.client.mirrors(reference) {
            let attempt = async { self.over(Session::at_mirror(self.client.clone(), mirror, reference).await?).await };
            match Box::pin(attempt).await {
                Err(error) if error.kind() != crate::ErrorKind::Internal => {
                    tracing::info!(%error, %mirror, "a mirror does not serve {}", reference.familiar());
                }
                ended => return ended,
            }
        }
        let session = Session::open(self.client.clone(), reference, Access::Pull, self.credentials.as_ref()).await?;
        self.over(session).await
    }

    async fn over(&self, session: Session) -> Result<Image> {
        let reference = &self.reference;
        let documents = self.documents(&session).await?;
        let id = Digest::of(&documents.config_json);
        let blobs: Vec<_> = documents.manifest.layers.iter().map(|layer| Some((layer.digest, layer.size))).collect();
        let plans = plans(&reference.familiar(), &documents.config, &blobs)?;
        let assembly = Assembly {
            store: self.store.clone(),
            turns: self.turns.clone(),
            open: self.opener(session, documents.manifest.layers.clone()),
            report: reporter(self.progress.clone(), &documents.manifest.layers),
        };
        let digest = documents.served.digest;
        let names = match reference.digest() {
            Some(digest) => vec![reference.at_digest(digest)],
            None => vec![reference.clone(), reference.at_digest(digest)],
        };
        let top = plans.last().map(|plan| plan.chain_id);
        let commit = move |store: &Store| {
            let known = store.has_image(&id)?;
            let (inner, outer) = (documents.inner.as_ref(), &documents.served);
            let manifests = inner.into_iter().chain([outer]).map(|served| served.bytes.as_slice()).collect();
            let image = NewImage { config: &documents.config_json, manifests, top, names, now: now() };
            let (id, same) = store.commit_image(&image)?;
            let image = store.image(&id)?.ok_or_else(|| ImageError::NoSuchImage(id.to_string()))?;
            Ok((image, known && same))
        };
        let (image, same) = match assembly.run(plans, commit).await {
            Ok(done) => done,
            Err(error) => return Err(self.clear(error).await),
        };
        (self.progress)(PullEvent::Digest(digest));
        let status = if same { PullStatus::UpToDate } else { PullStatus::Downloaded };
        (self.progress)(PullEvent::Status { status, reference: reference.clone() });
        Ok(image)
    }

    /// A failed pull leaves nothing, unless the same pull may succeed later with what has come so far.
    async fn clear(&self, error: ImageError) -> ImageError {
        if error.kind() != crate::ErrorKind::Unavailable {
            let store = self.store.clone();
            if let Err(second) = blocking(move || store.collect()).await {
                tracing::warn!(%second, "what a failed pull left could not be deleted");
            }
        }
        error
    }

    async fn documents(&self, session: &Session) -> Result<Documents> {
        let name = self.reference.familiar();
        let wanted = self.platform.clone().unwrap_or_else(Platform::native);
        let served = session.manifest(None).await?;
        let (inner, manifest) = match manifest::parse(&name, &served.bytes, served.content_type.as_deref())? {
            Document::Image(manifest) => (None, manifest),
            Document::Index(index) => {
                let chosen = manifest::select(&name, &index, &wanted)?;
                let inner = session.manifest(Some(&chosen.digest)).await?;
                check_size(&name, chosen, &inner)?;
                match manifest::parse(&name, &inner.bytes, inner.content_type.as_deref())? {
                    Document::Image(manifest) => (Some(inner), manifest),
                    Document::Index(_) => {
                        return Err(ImageError::Unsupported(format!(
                            "{name} is an index of indexes, which cannot be pulled"
                        )));
                    }
                }
            }
        };
        let config = &manifest.config;
        let config_json = session.small_blob(&config.digest, config.size, manifest::CONFIG_MAX).await?;
        let config: ImageConfig = serde_json::from_slice(&config_json)
            .map_err(|e| ImageError::Malformed(format!("the configuration of {name} cannot be read: {e}")))?;
        if let Some(wanted) = &self.platform {
            check_platform(&name, wanted, &config)?;
        }
        Ok(Documents { served, inner, manifest, config_json, config })
    }

    fn opener(&self, session: Session, layers: Vec<Descriptor>) -> Open {
        let (session, progress) = (Arc::new(session), self.progress.clone());
        Arc::new(move |at| {
            let layer = layers[at].clone();
            let (session, progress) = (session.clone(), progress.clone());
            Box::pin(async move {
                let (feed, reader) = layer::pieces(PIECES);
                let task = tokio::spawn(download(session, layer, feed, progress));
                Ok(Source { reader: Box::new(reader), feeder: Some(Feeder(task.abort_handle())) })
            })
        })
    }
}

/// Feeds a blob's bytes. A connection that breaks is taken up where it broke; what comes is checked by the reader.
async fn download(session: Arc<Session>, layer: Descriptor, feed: layer::Feed, progress: Progress) {
    let id = layer.digest.short();
    let mut reported = None;
    let mut current = 0;
    let mut resumes = 0;
    loop {
        let Err(error) = take(&session, &layer, &feed, &mut current, |current| {
            if reported.is_none_or(|at: Instant| at.elapsed() >= REPORT_EVERY) {
                reported = Some(Instant::now());
                let downloading = LayerProgress::Downloading { current, total: layer.size };
                progress(PullEvent::Layer { id: id.clone(), progress: downloading });
            }
        })
        .await
        else {
            return;
        };
        if error.kind() != crate::ErrorKind::Unavailable || resumes == RESUMES {
            // A reader that is gone has failed for a reason of its own.
            drop(feed.send(Err(std::io::Error::other(error))).await);
            return;
        }
        tracing::info!(%error, at = current, "taking a download up again");
        back_off(resumes).await;
        resumes += 1;
    }
}

/// Feeds what follows behind the first `current` bytes.
async fn take(
    session: &Session,
    layer: &Descriptor,
    feed: &layer::Feed,
    current: &mut u64,
    mut report: impl FnMut(u64),
) -> Result<()> {
    let mut pieces = std::pin::pin!(session.blob(&layer.digest, *current).await?);
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        *current += piece.len() as u64;
        report(*current);
        if feed.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    if *current < layer.size {
        return Err(ImageError::Registry(format!(
            "the registry sent {current} of {} bytes of layer {}: unexpected EOF",
            layer.size,
            layer.digest.short()
        )));
    }
    Ok(())
}

fn reporter(progress: Progress, layers: &[Descriptor]) -> Report {
    let ids: Vec<String> = layers.iter().map(|layer| layer.digest.short()).collect();
    Arc::new(move |at, event| progress(PullEvent::Layer { id: ids[at].clone(), progress: event }))
}

fn check_size(name: &str, chosen: &Descriptor, served: &Served) -> Result<()> {
    let got = served.bytes.len() as u64;
    if got == chosen.size {
        return Ok(());
    }
    Err(ImageError::SizeMismatch { what: format!("the manifest of {name}"), expected: chosen.size, got })
}

fn check_platform(name: &str, wanted: &Platform, config: &ImageConfig) -> Result<()> {
    let is = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    if wanted.suits(&is).is_some() {
        return Ok(());
    }
    Err(ImageError::NoMatchingPlatform { platform: wanted.to_string(), name: name.to_owned(), offered: is.to_string() })
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
