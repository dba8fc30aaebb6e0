//! The manifest of a stored image: the one it came with where that still says the truth, else a new one.

use super::{DOCKER_MANIFEST, Document, OCI_MANIFEST, parse};
use crate::{Digest, Image, Result, store::Store, unpack::compression::Kind};
use serde::{Deserialize, Serialize};

/// A layer's blob where the manifest is going to be read.
#[derive(Clone, Debug)]
pub(crate) struct LayerBlob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) compression: Kind,
}

/// A manifest as it is sent.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// Whose words a new manifest is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Docker's, which every registry knows; OCI's where docker has no word.
    Docker,
    Oci,
}

/// The manifest of `image` with its layers as `layers`, lowest first.
pub(crate) fn of(store: &Store, image: &Image, layers: &[LayerBlob], family: Family) -> Result<Written> {
    if let Some(digest) = &image.manifest {
        // So that the digest stays what people may have pinned.
        let bytes = store.read_blob(digest)?;
        if let Some(media_type) = still_true(&bytes, image, layers) {
            return Ok(Written { media_type, bytes });
        }
    }
    Ok(made(image, layers, family))
}

/// The media type of a manifest that names exactly these blobs.
fn still_true(bytes: &[u8], image: &Image, layers: &[LayerBlob]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }
    let Ok(Document::Image(manifest)) = parse("", bytes, None) else { return None };
    let same = manifest.config.digest == image.id
        && manifest.layers.len() == layers.len()
        && manifest.layers.iter().zip(layers).all(|(named, there)| named.digest == there.digest);
    let named: Named = serde_json::from_slice(bytes).ok().filter(|_| same)?;
    Some(named.media_type.unwrap_or_else(|| match manifest.config.media_type.starts_with("application/vnd.docker.") {
        true => DOCKER_MANIFEST.to_owned(),
        false => OCI_MANIFEST.to_owned(),
    }))
}

fn made(image: &Image, layers: &[LayerBlob], family: Family) -> Written {
    // Docker's own format knows gzip only.
    let docker = family == Family::Docker && layers.iter().all(|layer| layer.compression != Kind::Zstd);
    let (media_type, config) = match docker {
        true => (DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json"),
        false => (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json"),
    };
    let layer = |layer: &LayerBlob| Descriptor {
        media_type: match layer.compression {
            Kind::Gzip if docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Kind::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Kind::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            _ if docker => "application/vnd.docker.image.rootfs.diff.tar",
            _ => "application/vnd.oci.image.layer.v1.tar",
        },
        size: layer.size,
        digest: layer.digest.to_string(),
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type,
        config: Descriptor { media_type: config, size: image.config_json.len() as u64, digest: image.id.to_string() },
        layers: layers.iter().map(layer).collect(),
    };
    // Text and numbers only: it cannot fail.
    Written { media_type: media_type.to_owned(), bytes: serde_json::to_vec_pretty(&manifest).unwrap_or_default() }
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
