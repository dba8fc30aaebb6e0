//! An OCI image layout (image specification, `image-layout.md`).

use super::{Archive, Found, FoundLayer, config};
use crate::{
    Digest, ImageError, Platform, Reference, Result,
    manifest::{self, Descriptor, Document, MANIFEST_MAX},
    save::blob_path as path,
};
use std::collections::{HashMap, HashSet};

/// The whole name, as containerd and BuildKit write it; the specification's own annotation may hold only a tag.
pub(crate) const NAME: &str = "io.containerd.image.name";
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Indexes within indexes.
const DEPTH_MAX: usize = 3;

/// All images of the layout. Where one name, or none, stands for an image of each of several platforms, the one that
/// suits best.
pub(super) fn images(archive: &Archive, platform: Option<&Platform>) -> Result<Vec<Found>> {
    let platform = platform.cloned().unwrap_or_else(Platform::native);
    let bytes = archive.bytes("index.json", MANIFEST_MAX)?;
    let Document::Index(index) = manifest::parse("the archive", &bytes, None)? else {
        return Err(ImageError::Malformed("index.json in the archive is no index".into()));
    };
    let mut groups: Vec<(Option<Reference>, Vec<Descriptor>)> = Vec::new();
    let mut places = HashMap::new();
    for descriptor in index.into_iter().filter(|descriptor| !descriptor.is_about_another()) {
        let name = name(&descriptor);
        let place = *places.entry(name.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((name, Vec::new()));
        }
        groups[place].1.push(descriptor);
    }
    let mut found = Vec::new();
    for (name, group) in &groups {
        let shown = name.as_ref().map_or_else(|| "the archive".to_owned(), Reference::familiar);
        let wanted = match is_one_per_platform(group) {
            true => vec![manifest::select(&shown, group, &platform)?],
            false => group.iter().collect(),
        };
        for descriptor in wanted {
            found.push(image(archive, name.clone(), &shown, descriptor, &platform)?);
        }
    }
    Ok(found)
}

fn is_one_per_platform(group: &[Descriptor]) -> bool {
    let platforms: Option<HashSet<Platform>> = group.iter().map(Descriptor::platform).collect();
    group.len() > 1 && platforms.is_some_and(|platforms| platforms.len() == group.len())
}

/// A bare tag such as `latest` names no image: the rest of the name is known to whoever made the archive only.
fn name(descriptor: &Descriptor) -> Option<Reference> {
    let name = [NAME, REF_NAME].iter().find_map(|key| descriptor.annotations.get(*key));
    let name = name.filter(|name| name.contains([':', '/'])).and_then(|name| name.parse::<Reference>().ok());
    name.filter(|name| name.digest().is_none()).map(Reference::or_latest)
}

fn image(
    archive: &Archive,
    name: Option<Reference>,
    shown: &str,
    descriptor: &Descriptor,
    platform: &Platform,
) -> Result<Found> {
    let mut descriptor = descriptor.clone();
    for _ in 0..DEPTH_MAX {
        let bytes = blob(archive, &descriptor)?;
        match manifest::parse(shown, &bytes, None)? {
            Document::Index(index) => {
                // An archive of one platform may have the index of all.
                let here = index.iter().filter(|inner| archive.has(&path(&inner.digest))).cloned().collect::<Vec<_>>();
                let offered = if here.is_empty() { &index } else { &here };
                descriptor = manifest::select(shown, offered, platform)?.clone();
            }
            Document::Image(manifest) => {
                let digest = manifest.config.digest;
                let (config_json, config) = config(archive, &path(&digest), Some(digest))?;
                let layers = manifest.layers.iter();
                let layers = layers
                    .map(|layer| FoundLayer { path: path(&layer.digest), blob: Some((layer.digest, layer.size)) });
                let layers = layers.collect();
                let names = Vec::from_iter(name);
                return Ok(Found { config_json, config, manifest: Some(bytes), names, layers });
            }
        }
    }
    Err(ImageError::Unsupported(format!("{shown} is an index of indexes, which cannot be loaded")))
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
