//! From an archive into the store: what `docker save` writes (of any age), and OCI layouts.

mod archive;
mod docker;
mod oci;

use crate::{
    Digest, ImageConfig, ImageError, Loaded, Reference, Result,
    assemble::{Assembly, Open, Source, blocking, plans},
    error::IoContext as _,
    manifest,
    pull::now,
    store::{NewImage, Store},
    turns::Turns,
    unpack::compression::{self, Kind},
};
use archive::Archive;
use std::{
    fs::File,
    io::{BufReader, Seek as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::io::{AsyncRead, AsyncWriteExt as _};

/// One image found in an archive.
struct Found {
    config_json: Vec<u8>,
    config: ImageConfig,
    /// The manifest, where the archive has one with digests.
    manifest: Option<Vec<u8>>,
    /// Digest of what the names stand for: the manifest, or the index around it.
    names: Vec<Reference>,
    layers: Vec<FoundLayer>,
}

/// A layer's place in the archive, and what its manifest says about it.
#[derive(Clone)]
struct FoundLayer {
    path: String,
    blob: Option<(Digest, u64)>,
}

/// Reads the whole of `input` and stores its images.
pub(crate) async fn load(
    store: Arc<Store>,
    turns: Arc<Turns>,
    mut input: impl AsyncRead + Unpin,
) -> Result<Vec<Loaded>> {
    let scratch = Arc::new(store.layout.scratch()?);
    let path = scratch.path().join("archive");
    spool(&mut input, &path).await?;
    let (archive, found) = {
        let scratch = scratch.clone();
        blocking(move || {
            let archive = Arc::new(Archive::open(&decompressed(&path, scratch.path())?)?);
            let found = if archive.has("manifest.json") {
                docker::images(&archive)?
            } else if archive.has("index.json") {
                oci::images(&archive)?
            } else {
                return Err(ImageError::Malformed(
                    "the archive is neither a docker archive nor an OCI layout: it has no manifest.json and no index.json; make it with docker save"
                        .into(),
                ));
            };
            Ok((archive, found))
        })
        .await?
    };
    let mut loaded = Vec::new();
    for found in found {
        match image(&store, &turns, &archive, found).await {
            Ok(more) => loaded.extend(more),
            Err(error) => {
                blocking(move || store.collect()).await?;
                return Err(error);
            }
        }
    }
    Ok(loaded)
}

async fn image(store: &Arc<Store>, turns: &Arc<Turns>, archive: &Arc<Archive>, found: Found) -> Result<Vec<Loaded>> {
    let blobs: Vec<_> = found.layers.iter().map(|layer| layer.blob).collect();
    let plans = plans("the archive's image", &found.config, &blobs)?;
    let assembly = Assembly {
        store: store.clone(),
        turns: turns.clone(),
        open: opener(archive.clone(), found.layers.clone()),
        report: Arc::new(|_, _| {}),
    };
    let top = plans.last().map(|plan| plan.chain_id);
    let names = found.names.clone();
    let commit = move |store: &Store| {
        let manifests = found.manifest.iter().map(Vec::as_slice).collect();
        let image = NewImage { config: &found.config_json, manifests, top, names: found.names, now: now() };
        Ok(store.commit_image(&image)?.0)
    };
    let id = assembly.run(plans, commit).await?;
    if names.is_empty() {
        return Ok(vec![Loaded { id, name: None }]);
    }
    Ok(names.into_iter().map(|name| Loaded { id, name: Some(name) }).collect())
}

fn opener(archive: Arc<Archive>, layers: Vec<FoundLayer>) -> Open {
    Arc::new(move |at| {
        let (archive, path) = (archive.clone(), layers[at].path.clone());
        Box::pin(blocking(move || Ok(Source { reader: Box::new(archive.read(&path)?), feeder: None })))
    })
}

async fn spool(input: &mut (impl AsyncRead + Unpin), path: &Path) -> Result<()> {
    let mut file = tokio::fs::File::create_new(path).await.at("create", path)?;
    tokio::io::copy(input, &mut file).await.at("receive the archive into", path)?;
    file.flush().await.at("write", path)
}

/// The plain archive: `path` itself, or its decompressed copy in `dir`.
fn decompressed(path: &Path, dir: &Path) -> Result<PathBuf> {
    let open = || File::open(path).at("open", path);
    let mut file = open()?;
    if compression::kind(&mut file).at("read", path)? == Kind::Plain {
        return Ok(path.to_owned());
    }
    file.rewind().at("read", path)?;
    let plain = dir.join("plain");
    let mut out = File::create_new(&plain).at("create", &plain)?;
    let mut reader = compression::plain(BufReader::with_capacity(128 << 10, file))
        .map_err(|e| ImageError::Malformed(format!("the archive: {e}")))?;
    std::io::copy(&mut reader, &mut out).at("decompress the archive into", &plain)?;
    std::fs::remove_file(path).at("delete", path)?;
    Ok(plain)
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
