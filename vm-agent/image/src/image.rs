//! An image as the rest of the engine sees it.

use crate::{Digest, ImageError, Platform, Reference, Result};
use serde::{Deserialize, Deserializer, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// An image's id: the digest of its configuration, as docker's classic store has it.
pub type ImageId = Digest;

/// A stored image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// The digest of its manifest, when it came with one.
    pub manifest: Option<Digest>,
    /// Names with a tag that mean it, sorted. `familiar()` gives docker's `RepoTags`.
    pub tags: Vec<Reference>,
    /// Names with a digest that mean it, sorted. `familiar()` gives docker's `RepoDigests`.
    pub digests: Vec<Reference>,
    /// Its configuration.
    pub config: Arc<ImageConfig>,
    /// The configuration byte for byte.
    pub config_json: Arc<[u8]>,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    /// Bytes of all its layers, unpacked.
    pub size: u64,
    /// When it was stored here, seconds since the Unix epoch.
    pub stored_at: i64,
    /// When a tag was last put on it, as `stored_at`.
    pub tagged_at: Option<i64>,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Identity of this layer on top of all those below it (image specification, "Layer ChainID").
    pub chain_id: Digest,
    /// Digest of the uncompressed archive.
    pub diff_id: Digest,
    /// Digest of the archive as stored and as pushed.
    pub blob: Digest,
    /// Bytes of its files, unpacked.
    pub size: u64,
    /// What names the directory of its files: layers of equal content may share one.
    pub tree: Digest,
}

/// An image's configuration (image specification v1.1 `config.md`, and docker's additions). A `null` counts as absent
/// everywhere, since older tools write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Go's name of the architecture.
    #[serde(default, deserialize_with = "or_default")]
    pub architecture: String,
    /// Go's name of the operating system.
    #[serde(default, deserialize_with = "or_default")]
    pub os: String,
    /// Variant of the architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What a container gets unless it is told otherwise.
    #[serde(default, deserialize_with = "or_default")]
    pub config: ContainerDefaults,
    /// The layers by content.
    #[serde(default, deserialize_with = "or_default")]
    pub rootfs: RootFs,
    /// How each layer came about.
    #[serde(default, deserialize_with = "or_default")]
    pub history: Vec<History>,
}

impl ImageConfig {
    /// What the image is made for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, self.variant.as_deref())
    }

    /// # Errors
    /// [`ImageError::OtherPlatform`] when the image, called `name`, does not run on `platform`.
    pub fn must_suit(&self, platform: &Platform, name: &str) -> Result<()> {
        if platform.suits(&self.platform()).is_some() {
            return Ok(());
        }
        Err(ImageError::OtherPlatform { name: name.to_owned(), platform: platform.to_string() })
    }
}

/// What a container gets from its image unless it is told otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerDefaults {
    /// User and group, by name or number: `user[:group]`.
    #[serde(deserialize_with = "or_default")]
    pub user: String,
    /// Ports a service listens on, as `80/tcp`.
    #[serde(deserialize_with = "keys", serialize_with = "as_set")]
    pub exposed_ports: BTreeSet<String>,
    /// `NAME=value`.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// The program and its first arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments to the entrypoint, or the program when there is none.
    pub cmd: Option<Vec<String>>,
    /// Paths that want a volume.
    #[serde(deserialize_with = "keys", serialize_with = "as_set")]
    pub volumes: BTreeSet<String>,
    /// Working directory; empty means `/`.
    #[serde(deserialize_with = "or_default")]
    pub working_dir: String,
    /// Labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks for an end, `SIGTERM` when absent.
    pub stop_signal: Option<String>,
    /// How to see whether the container is well.
    pub healthcheck: Option<Healthcheck>,
    /// The shell of the shell form of build instructions.
    pub shell: Option<Vec<String>>,
    /// Build instructions for images made from this one.
    pub on_build: Option<Vec<String>>,
}

/// How to see whether a container is well. Times are nanoseconds, as docker has them; 0 means docker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["CMD", ...]`, `["CMD-SHELL", line]` or `["NONE"]`.
    #[serde(deserialize_with = "or_default")]
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: i64,
    /// For one check.
    pub timeout: i64,
    /// While failures do not count.
    pub start_period: i64,
    /// Between two checks within the start period.
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    pub retries: i64,
}

/// The layers of an image by content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// Digests of the uncompressed archives, lowest first.
    #[serde(default, deserialize_with = "or_default")]
    pub diff_ids: Vec<Digest>,
}

/// How one layer, or one change without a layer, came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it made no layer.
    #[serde(default, deserialize_with = "or_default")]
    pub empty_layer: bool,
}

/// `null` and absence give the default.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The keys of a Go `map[string]struct{}`.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let map: Option<BTreeMap<String, serde::de::IgnoredAny>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_keys().collect())
}

/// A Go `map[string]struct{}` of these keys.
fn as_set<S: serde::Serializer>(set: &BTreeSet<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(set.iter().map(|key| (key, serde_json::Map::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_full_of_nulls_is_an_empty_one() {
        let text = r#"{"architecture":"amd64","os":"linux","history":null,"rootfs":{"type":"layers","diff_ids":null},
            "config":{"Env":null,"Cmd":null,"Labels":null,"Volumes":null,"ExposedPorts":null,"User":null}}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.config, ContainerDefaults::default());
        assert_eq!(config.rootfs.diff_ids, []);
        let config: ImageConfig = serde_json::from_str(r#"{"config":null,"rootfs":null}"#).unwrap();
        assert_eq!(config, ImageConfig::default());
    }

    #[test]
    fn go_sets_and_docker_additions_survive() {
        let text = r#"{"ExposedPorts":{"80/tcp":{},"443/tcp":{}},"Volumes":{"/data":{}},"StopSignal":"SIGQUIT",
            "Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":3}}"#;
        let config: ContainerDefaults = serde_json::from_str(text).unwrap();
        assert_eq!(config.exposed_ports.iter().collect::<Vec<_>>(), ["443/tcp", "80/tcp"]);
        assert_eq!(config.healthcheck.as_ref().unwrap().interval, 5_000_000_000);
        let again: ContainerDefaults = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }
}
