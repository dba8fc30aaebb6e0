//! An OCI image layout (image specification, `image-layout.md`).

use super::{Archive, Found, FoundLayer, config};
use crate::{
    Digest, ImageError, Platform, Reference, Result,
    manifest::{self, Descriptor, Document, MANIFEST_MAX},
};

/// The whole name, as containerd and BuildKit write it; the specification's own annotation may hold only a tag.
const NAME: &str = "io.containerd.image.name";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Indexes within indexes.
const DEPTH_MAX: usize = 3;

pub(super) fn images(archive: &Archive) -> Result<Vec<Found>> {
    let bytes = archive.bytes("index.json", MANIFEST_MAX)?;
    let Document::Index(index) = manifest::parse("the archive", &bytes, None)? else {
        return Err(ImageError::Malformed("index.json in the archive is no index".into()));
    };
    index.iter().map(|descriptor| image(archive, descriptor)).collect()
}

fn image(archive: &Archive, descriptor: &Descriptor) -> Result<Found> {
    let name = [NAME, REF_NAME].iter().find_map(|key| descriptor.annotations.get(*key));
    // A bare tag such as `latest` names no image: the rest of the name is known to whoever made the archive only.
    let name = name.filter(|name| name.contains([':', '/'])).and_then(|name| name.parse::<Reference>().ok());
    let shown = name.as_ref().map_or_else(|| "the archive's image".to_owned(), Reference::familiar);
    let mut descriptor = descriptor.clone();
    for _ in 0..DEPTH_MAX {
        let bytes = blob(archive, &descriptor)?;
        match manifest::parse(&shown, &bytes, None)? {
            Document::Index(index) => descriptor = manifest::select(&shown, &index, &Platform::native())?.clone(),
            Document::Image(manifest) => {
                let digest = manifest.config.digest;
                let (config_json, config) = config(archive, &path(&digest), Some(digest))?;
                let layers = manifest.layers.iter();
                let layers = layers
                    .map(|layer| FoundLayer { path: path(&layer.digest), blob: Some((layer.digest, layer.size)) });
                let layers = layers.collect();
                let names = name.map(Reference::or_latest).into_iter().collect();
                return Ok(Found { config_json, config, manifest: Some(bytes), names, layers });
            }
        }
    }
    Err(ImageError::Unsupported(format!("{shown} is an index of indexes, which cannot be loaded")))
}

fn path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn blob(archive: &Archive, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let path = path(&descriptor.digest);
    let bytes = archive.bytes(&path, MANIFEST_MAX)?;
    match Digest::of(&bytes) {
        got if got == descriptor.digest => Ok(bytes),
        got => {
            Err(ImageError::DigestMismatch { what: format!("{path} in the archive"), expected: descriptor.digest, got })
        }
    }
}
