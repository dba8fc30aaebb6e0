//! From the store to a registry.

mod layer;

use crate::{
    Credentials, Digest, Image, ImageError, Platform, PushEvent, PushProgress, Reference, Result, UploadProgress,
    assemble::{Lease, blocking},
    manifest::{self, Family, LayerBlob},
    pull::now,
    registry::{Access, Client, Session},
    store::Store,
};
use layer::Upload;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Layers that are sent at once, as docker has it.
const AT_ONCE: usize = 5;

/// What is pushed, and how.
pub(crate) struct Push {
    pub(crate) store: Arc<Store>,
    pub(crate) client: Arc<Client>,
    /// With a tag, or all tags of the repository.
    pub(crate) reference: Reference,
    /// What the images must be for, when that matters.
    pub(crate) platform: Option<Platform>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) progress: PushProgress,
}

impl Push {
    pub(crate) async fn run(self) -> Result<()> {
        let reference = &self.reference;
        if reference.digest().is_some() {
            return Err(ImageError::Malformed("cannot push a digest reference".into()));
        }
        (self.progress)(PushEvent::Refers { repository: reference.repository() });
        let (tags, elsewhere) = self.known().await?;
        let tags = match reference.tag() {
            _ if tags.is_empty() => return Err(ImageError::NothingToPush(reference.familiar_repository())),
            Some(tag) if tags.iter().any(|known| known == tag) => vec![tag.to_owned()],
            Some(_) => return Err(ImageError::NoSuchTag(reference.familiar())),
            None => tags,
        };
        let mut images = Vec::new();
        for tag in tags {
            let name = reference.at_tag(&tag)?;
            let (store, wanted) = (self.store.clone(), name.clone());
            let image = blocking(move || {
                let id = store.named(&wanted)?;
                id.map(|id| store.image(&id)).transpose().map(Option::flatten)
            });
            let image = image.await?.ok_or_else(|| ImageError::NoSuchTag(reference.familiar()))?;
            if let Some(platform) = &self.platform {
                image.config.must_suit(platform, &name.familiar())?;
            }
            images.push((name, tag, image));
        }
        let blobs: BTreeSet<Digest> =
            images.iter().flat_map(|(_, _, image)| &image.layers).map(|layer| layer.blob).collect();
        let sources: BTreeSet<String> = blobs.iter().filter_map(|blob| elsewhere.get(blob).cloned()).collect();
        let access = Access::Push { sources: sources.into_iter().collect() };
        let session = Session::open(self.client.clone(), reference, access, self.credentials.as_ref()).await?;
        let (session, elsewhere) = (Arc::new(session), Arc::new(elsewhere));
        for (name, tag, image) in images {
            self.image(&session, &elsewhere, &name, tag, &image).await?;
        }
        Ok(())
    }

    async fn known(&self) -> Result<(Vec<String>, HashMap<Digest, String>)> {
        let (store, reference) = (self.store.clone(), self.reference.clone());
        blocking(move || Ok((store.tags_of(&reference.repository())?, store.found_elsewhere(&reference)?))).await
    }

    async fn image(
        &self,
        session: &Arc<Session>,
        elsewhere: &Arc<HashMap<Digest, String>>,
        name: &Reference,
        tag: String,
        image: &Image,
    ) -> Result<()> {
        let _lease = Lease::new(self.store.clone(), image.layers.iter().map(|layer| layer.chain_id).collect());
        let report = |layer: &crate::Layer, progress| {
            (self.progress)(PushEvent::Layer { id: layer.diff_id.short(), progress });
        };
        // Highest first, as docker tells them.
        image.layers.iter().rev().for_each(|layer| report(layer, UploadProgress::Preparing));
        image.layers.iter().rev().skip(AT_ONCE).for_each(|layer| report(layer, UploadProgress::Waiting));
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for (at, layer) in image.layers.iter().enumerate().rev() {
            let upload = Upload {
                store: self.store.clone(),
                session: session.clone(),
                layer: layer.clone(),
                source: elsewhere.get(&layer.blob).cloned(),
                progress: self.progress.clone(),
            };
            let slots = slots.clone();
            tasks.spawn(async move {
                let _slot = slots.acquire_owned().await.map_err(|e| ImageError::Internal(e.to_string()))?;
                Ok::<_, ImageError>((at, upload.run().await?))
            });
        }
        let mut layers: Vec<Option<LayerBlob>> = image.layers.iter().map(|_| None).collect();
        while let Some(ended) = tasks.join_next().await {
            let (at, uploaded) = ended.map_err(|e| ImageError::Internal(format!("pushing a layer: {e}")))??;
            layers[at] = Some(uploaded);
        }
        let layers: Vec<LayerBlob> = layers.into_iter().flatten().collect();
        let (store, wanted) = (self.store.clone(), image.clone());
        let manifest = blocking(move || manifest::of(&store, &wanted, &layers, Family::Docker)).await?;
        layer::send_bytes(session, &image.id, &image.config_json).await?;
        session.put_manifest(&tag, &manifest.media_type, &manifest.bytes).await?;
        let (digest, size) = (Digest::of(&manifest.bytes), manifest.bytes.len() as u64);
        let (store, id, at_digest) = (self.store.clone(), image.id, name.at_digest(digest));
        blocking(move || store.tag(&id, &at_digest, now())).await?;
        (self.progress)(PushEvent::Done { tag, digest, size });
        Ok(())
    }
}
