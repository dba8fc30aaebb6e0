//! What a registry has under a name, without fetching it.

use crate::{
    Credentials, Digest, ImageError, Reference, Result,
    manifest::CONFIG_MAX,
    registry::{Access, Client, Session},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An image, or an index of several, at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What kind of document it is.
    pub media_type: String,
    /// The document's digest.
    pub digest: Digest,
    /// The document's bytes.
    pub size: u64,
    /// What it is for.
    pub platforms: Vec<DescribedPlatform>,
}

/// A platform in the words of the document that names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedPlatform {
    /// Such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Such as `linux`.
    #[serde(default)]
    pub os: String,
    /// Such as `v7`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The version of a system that has such.
    #[serde(default, rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// What it must be able to do.
    #[serde(default, rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
}

/// What of a document tells its kind and platforms; artifacts are told as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    manifests: Vec<Entry>,
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Entry {
    platform: Option<DescribedPlatform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    size: u64,
}

pub(crate) async fn describe(
    client: Arc<Client>,
    reference: &Reference,
    credentials: Option<&Credentials>,
) -> Result<Described> {
    let session = Session::open(client, reference, Access::Pull, credentials).await?;
    let served = session.manifest(None).await?;
    let bad = |e| ImageError::Malformed(format!("the manifest of {} cannot be read: {e}", reference.familiar()));
    let document: Document = serde_json::from_slice(&served.bytes).map_err(bad)?;
    let mut platforms: Vec<_> = document.manifests.into_iter().filter_map(|entry| entry.platform).collect();
    if let Some(config) = document.config.filter(|config| config.media_type.contains("image")) {
        let bytes = session.small_blob(&config.digest, config.size, CONFIG_MAX).await?;
        platforms = vec![serde_json::from_slice(&bytes).map_err(bad)?];
    }
    let served_as = served.content_type.unwrap_or_default();
    Ok(Described {
        media_type: if document.media_type.is_empty() { served_as } else { document.media_type },
        digest: served.digest,
        size: served.bytes.len() as u64,
        platforms,
    })
}
