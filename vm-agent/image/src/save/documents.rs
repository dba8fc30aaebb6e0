//! What an archive says of its images: the index of an OCI layout, and docker's `manifest.json` and `repositories`.

use super::blob_path;
use crate::{Digest, Platform, Reference, manifest::OCI_INDEX};
use serde::Serialize;
use std::collections::BTreeMap;

/// One image of the archive.
pub(super) struct Document {
    /// Of its manifest, as digest and size.
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) config: Digest,
    pub(super) platform: Platform,
    /// Blobs, lowest first.
    pub(super) layers: Vec<Digest>,
    /// Sorted.
    pub(super) tags: Vec<Reference>,
}

/// The files beside the blobs.
pub(super) fn files(images: &[Document]) -> Vec<(&'static str, Vec<u8>)> {
    let mut files = vec![
        ("index.json", line(&index(images))),
        ("manifest.json", line(&images.iter().map(item).collect::<Vec<_>>())),
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
    ];
    let repositories = repositories(images);
    if !repositories.is_empty() {
        files.push(("repositories", line(&repositories)));
    }
    files
}

/// Text and numbers only: it cannot fail.
fn line(document: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
    platform: PlatformOut<'a>,
}

#[derive(Serialize)]
struct PlatformOut<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
}

fn descriptor<'a>(image: &'a Document, annotations: BTreeMap<&'static str, String>) -> Descriptor<'a> {
    let Document { media_type, digest, size, platform, .. } = image;
    let platform =
        PlatformOut { architecture: &platform.architecture, os: &platform.os, variant: platform.variant.as_deref() };
    Descriptor { media_type, digest: *digest, size: *size, annotations, platform }
}

/// One descriptor a name, as docker has it, and one for an image without.
fn index(images: &[Document]) -> Index<'_> {
    let named = |tag: &Reference| {
        BTreeMap::from([
            (crate::load::NAME, tag.to_string()),
            (crate::load::REF_NAME, tag.tag().unwrap_or_default().to_owned()),
        ])
    };
    let manifests = images.iter().flat_map(|image: &Document| match image.tags.as_slice() {
        [] => vec![descriptor(image, BTreeMap::new())],
        tags => tags.iter().map(|tag| descriptor(image, named(tag))).collect(),
    });
    Index { schema_version: 2, media_type: OCI_INDEX, manifests: manifests.collect() }
}

/// Docker's since 1.10.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

fn item(image: &Document) -> Item {
    let tags: Vec<String> = image.tags.iter().map(Reference::familiar).collect();
    Item {
        config: blob_path(&image.config),
        repo_tags: (!tags.is_empty()).then_some(tags),
        layers: image.layers.iter().map(blob_path).collect(),
    }
}

/// By repository and tag, the uppermost layer. Docker has written it since its first days.
fn repositories(images: &[Document]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for image in images {
        let Some(top) = image.layers.last() else { continue };
        for tag in &image.tags {
            let tags = all.entry(tag.familiar_repository()).or_default();
            tags.insert(tag.tag().unwrap_or_default().to_owned(), top.hex());
        }
    }
    all
}
