//! `manifest.json`, as `docker save` writes it.

use super::{Archive, Found, FoundLayer, config};
use crate::{ImageError, Reference, Result, manifest::MANIFEST_MAX};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

pub(super) fn images(archive: &Archive) -> Result<Vec<Found>> {
    let bytes = archive.bytes("manifest.json", MANIFEST_MAX)?;
    let items: Vec<Item> = serde_json::from_slice(&bytes)
        .map_err(|e| ImageError::Malformed(format!("manifest.json in the archive cannot be read: {e}")))?;
    items.iter().map(|item| image(archive, item)).collect()
}

fn image(archive: &Archive, item: &Item) -> Result<Found> {
    // The file is named after its digest in every release; another name promises nothing.
    let stem = item.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    let (config_json, config) = config(archive, &item.config, crate::Digest::from_hex(stem))?;
    let tags = item.repo_tags.as_deref().unwrap_or_default();
    let names = tags.iter().map(|tag| Ok(tag.parse::<Reference>()?.or_latest())).collect::<Result<_>>()?;
    let layers = item.layers.iter().flatten().map(|path| FoundLayer { path: path.clone(), blob: None }).collect();
    Ok(Found { config_json, config, manifest: None, names, layers })
}
