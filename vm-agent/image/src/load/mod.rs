//! From an archive into the store: what `docker save` writes (of any age), and OCI layouts.

mod archive;
mod docker;
#[cfg(test)]
mod fuzz;
mod oci;

use crate::{
    Digest, ImageConfig, ImageError, LoadEvent, LoadProgress, Platform, Reference, Result,
    assemble::{Assembly, Open, Source, blocking, plans},
    manifest,
    pull::now,
    spool,
    store::{NewImage, Store},
    turns::Turns,
};
use archive::Archive;
pub(crate) use oci::{NAME, REF_NAME};
use std::sync::Arc;
use tokio::io::AsyncRead;

/// What is loaded, and how.
pub(crate) struct Load {
    pub(crate) store: Arc<Store>,
    pub(crate) turns: Arc<Turns>,
    /// The only platform to load; without it the native one of what is offered for several.
    pub(crate) platform: Option<Platform>,
    pub(crate) progress: LoadProgress,
}

/// One image found in an archive.
struct Found {
    config_json: Vec<u8>,
    config: ImageConfig,
    /// The manifest, where the archive has one with digests.
    manifest: Option<Vec<u8>>,
    names: Vec<Reference>,
    layers: Vec<FoundLayer>,
}

/// A layer's place in the archive, and what its manifest says about it.
#[derive(Clone)]
struct FoundLayer {
    path: String,
    blob: Option<(Digest, u64)>,
}

impl Load {
    /// Reads the whole of `input` and stores its images.
    pub(crate) async fn run(self, input: impl AsyncRead + Unpin) -> Result<()> {
        let scratch = self.store.layout.scratch()?;
        let path = scratch.path().join("archive");
        spool::plain(input, &path, |file| file).await?;
        let platform = self.platform.clone();
        let (archive, found) = blocking(move || {
            let archive = Arc::new(Archive::open(&path)?);
            let found = images(&archive, platform.as_ref())?;
            Ok((archive, found))
        })
        .await?;
        for found in found {
            if let Err(error) = self.image(&archive, found).await {
                let store = self.store.clone();
                blocking(move || store.collect()).await?;
                return Err(error);
            }
        }
        drop(scratch);
        Ok(())
    }

    async fn image(&self, archive: &Arc<Archive>, found: Found) -> Result<()> {
        let blobs: Vec<_> = found.layers.iter().map(|layer| layer.blob).collect();
        let plans = plans("the archive's image", &found.config, &blobs)?;
        let assembly = Assembly {
            store: self.store.clone(),
            turns: self.turns.clone(),
            open: self.opener(archive, &found),
            report: Arc::new(|_, _| {}),
        };
        let top = plans.last().map(|plan| plan.chain_id);
        let names = found.names.clone();
        let commit = move |store: &Store| {
            let mut replaced = Vec::new();
            for name in &found.names {
                replaced.push(store.named(name)?);
            }
            let manifests = found.manifest.iter().map(Vec::as_slice).collect();
            let image = NewImage { config: &found.config_json, manifests, top, names: found.names, now: now() };
            Ok((store.commit_image(&image)?.0, replaced))
        };
        let (id, replaced) = assembly.run(plans, commit).await?;
        for (name, old) in names.iter().zip(replaced) {
            if let Some(old) = old.filter(|old| *old != id) {
                (self.progress)(LoadEvent::Renamed { name: name.clone(), old });
            }
        }
        if names.is_empty() {
            (self.progress)(LoadEvent::Loaded { id, name: None });
        }
        for name in names {
            (self.progress)(LoadEvent::Loaded { id, name: Some(name) });
        }
        Ok(())
    }

    /// Opens layers, and tells how much of them has been read.
    fn opener(&self, archive: &Arc<Archive>, found: &Found) -> Open {
        let ids: Vec<String> = found.config.rootfs.diff_ids.iter().map(Digest::short).collect();
        let (archive, layers, progress) = (archive.clone(), found.layers.clone(), self.progress.clone());
        Arc::new(move |at| {
            let (archive, path) = (archive.clone(), layers[at].path.clone());
            let (progress, id) = (progress.clone(), ids[at].clone());
            Box::pin(blocking(move || {
                let tell = move |current, total| progress(LoadEvent::Layer { id: id.clone(), current, total });
                Ok(Source { reader: Box::new(archive.read(&path)?.told(tell)), feeder: None })
            }))
        })
    }
}

/// What the archive has. A layout says more than docker's own file beside it: the manifests, and so their digests.
fn images(archive: &Archive, platform: Option<&Platform>) -> Result<Vec<Found>> {
    let found = if archive.has("index.json") && (archive.has("oci-layout") || !archive.has("manifest.json")) {
        oci::images(archive, platform)?
    } else if archive.has("manifest.json") {
        docker::images(archive)?
    } else if archive.has("repositories") {
        return Err(ImageError::Unsupported(
            "the archive was made by docker before 1.10: load it there and save it with a newer one".into(),
        ));
    } else {
        return Err(ImageError::Malformed(
            "the archive is neither a docker archive nor an OCI layout: it has no manifest.json and no index.json; make it with docker save"
                .into(),
        ));
    };
    if let Some(platform) = platform {
        for image in &found {
            let name = image.names.first().map_or_else(|| "the archive".to_owned(), Reference::familiar);
            image.config.must_suit(platform, &name)?;
        }
    }
    Ok(found)
}

/// Reads an image's configuration, whose digest is its id.
fn config(archive: &Archive, path: &str, expected: Option<Digest>) -> Result<(Vec<u8>, ImageConfig)> {
    let bytes = archive.bytes(path, manifest::CONFIG_MAX)?;
    let got = Digest::of(&bytes);
    if let Some(expected) = expected.filter(|expected| *expected != got) {
        return Err(ImageError::DigestMismatch { what: format!("{path} in the archive"), expected, got });
    }
    let config = serde_json::from_slice(&bytes)
        .map_err(|e| ImageError::Malformed(format!("{path} in the archive cannot be read: {e}")))?;
    Ok((bytes, config))
}
