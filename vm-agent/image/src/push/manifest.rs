//! The manifest of an image that is pushed: the one it came with where that still says the truth, else one of docker's
//! kind.

use super::layer::Uploaded;
use crate::{
    Image, Result,
    manifest::{self, DOCKER_MANIFEST, Document, OCI_MANIFEST},
    store::Store,
};
use serde::{Deserialize, Serialize};

/// What is stored under the tag.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// The manifest of `image`, whose layers are at the registry as `layers`, lowest first.
pub(super) fn of(store: &Store, image: &Image, layers: &[Uploaded]) -> Result<Pushed> {
    if let Some(digest) = &image.manifest {
        // So that the digest stays what people may have pinned.
        let bytes = store.read_blob(digest)?;
        if let Some(media_type) = still_true(&bytes, image, layers) {
            return Ok(Pushed { media_type, bytes });
        }
    }
    Ok(made(image, layers))
}

/// The media type of a manifest that names exactly these blobs.
fn still_true(bytes: &[u8], image: &Image, layers: &[Uploaded]) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }
    let Ok(Document::Image(manifest)) = manifest::parse("", bytes, None) else { return None };
    let same = manifest.config.digest == image.id
        && manifest.layers.len() == layers.len()
        && manifest.layers.iter().zip(layers).all(|(named, there)| named.digest == there.digest);
    let kind: Kind = serde_json::from_slice(bytes).ok().filter(|_| same)?;
    Some(kind.media_type.unwrap_or_else(|| match manifest.config.media_type.starts_with("application/vnd.docker.") {
        true => DOCKER_MANIFEST.to_owned(),
        false => OCI_MANIFEST.to_owned(),
    }))
}

fn made(image: &Image, layers: &[Uploaded]) -> Pushed {
    // Docker's own format knows gzip only.
    let is_oci = layers.iter().any(|layer| layer.is_zstd);
    let (media_type, config, gzip) = match is_oci {
        true => {
            (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")
        }
        false => (
            DOCKER_MANIFEST,
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    };
    let layers = layers.iter().map(|layer| Descriptor {
        media_type: if layer.is_zstd { "application/vnd.oci.image.layer.v1.tar+zstd" } else { gzip },
        size: layer.size,
        digest: layer.digest.to_string(),
    });
    let manifest = Manifest {
        schema_version: 2,
        media_type,
        config: Descriptor { media_type: config, size: image.config_json.len() as u64, digest: image.id.to_string() },
        layers: layers.collect(),
    };
    // Text and numbers only: it cannot fail.
    Pushed { media_type: media_type.to_owned(), bytes: serde_json::to_vec_pretty(&manifest).unwrap_or_default() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    size: u64,
    digest: String,
}
