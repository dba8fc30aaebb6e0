//! Manifests and indexes: what is read from a registry or an archive before any layer is, and written after them.

mod write;

use crate::{Digest, ImageError, Platform, Result};
use serde::Deserialize;
pub(crate) use write::{Family, LayerBlob, of};

/// Largest manifest or index that is read, bytes, as registries themselves limit it.
pub(crate) const MANIFEST_MAX: u64 = 4 << 20;
/// Largest image configuration that is read, bytes.
pub(crate) const CONFIG_MAX: u64 = 8 << 20;
/// Most layers overlayfs stacks (`OVL_MAX_STACK` in the kernel's `fs/overlayfs/params.h`).
const LAYERS_MAX: usize = 500;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1";

/// What a blob is, where and how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    platform: Option<PlatformField>,
    #[serde(default)]
    pub(crate) annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
struct PlatformField {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl Descriptor {
    /// Whether it says something of another image of the index, as BuildKit's attestations do.
    pub(crate) fn is_about_another(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self.platform.as_ref().is_some_and(|field| field.os == "unknown")
    }

    pub(crate) fn platform(&self) -> Option<Platform> {
        let field = self.platform.as_ref().filter(|field| !field.os.is_empty() && field.os != "unknown")?;
        Some(Platform::new(&field.os, &field.architecture, field.variant.as_deref()))
    }
}

/// A manifest of one image, or an index of several.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Image(Manifest),
    Index(Vec<Descriptor>),
}

/// A manifest of one image.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// Every field that tells the kinds apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u32>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// Reads `bytes`; `name` is the image for messages, `content_type` what the registry called it.
pub(crate) fn parse(name: &str, bytes: &[u8], content_type: Option<&str>) -> Result<Document> {
    let malformed = |why: String| ImageError::Malformed(format!("the manifest of {name} {why}"));
    let raw: Raw = serde_json::from_slice(bytes).map_err(|e| malformed(format!("cannot be read: {e}")))?;
    let content_type = content_type.map(|value| value.split(';').next().unwrap_or("").trim());
    let outer = content_type.filter(|value| known(value));
    // One document that passes for two kinds would be two images under one digest (CVE-2021-41190).
    if raw.manifests.is_some() && (raw.layers.is_some() || raw.config.is_some()) {
        return Err(malformed("is a manifest and an index at once, which is refused (CVE-2021-41190)".into()));
    }
    if let (Some(outer), Some(inner)) = (outer, raw.media_type.as_deref())
        && outer != inner
    {
        return Err(malformed(format!("calls itself {inner} and was served as {outer}")));
    }
    let media_type = raw.media_type.as_deref().or(outer).unwrap_or("");
    if raw.fs_layers.is_some()
        || raw.schema_version == Some(1)
        || content_type.is_some_and(|t| t.starts_with(DOCKER_SCHEMA1))
    {
        return Err(ImageError::Unsupported(format!(
            "{name} uses docker's image manifest version 2, schema 1, which is no longer supported: push it again with a current tool"
        )));
    }
    if raw.schema_version != Some(2) {
        return Err(malformed("has no schema version that is known".into()));
    }
    match (raw.manifests, raw.config, raw.layers) {
        (Some(manifests), ..) if !matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST) => {
            Ok(Document::Index(manifests))
        }
        (None, Some(config), Some(layers)) if !matches!(media_type, OCI_INDEX | DOCKER_LIST) => {
            check_image(name, raw.artifact_type.as_deref(), &config)?;
            if layers.len() > LAYERS_MAX {
                return Err(malformed(format!(
                    "has {} layers, more than the {LAYERS_MAX} that can be stacked",
                    layers.len()
                )));
            }
            Ok(Document::Image(Manifest { config, layers }))
        }
        _ => Err(malformed("is neither that of an image nor an index".into())),
    }
}

fn known(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | OCI_MANIFEST | DOCKER_LIST | DOCKER_MANIFEST)
}

/// Refuses what is stored like an image and is none: charts, signatures, attestations.
fn check_image(name: &str, artifact_type: Option<&str>, config: &Descriptor) -> Result<()> {
    let image = matches!(
        config.media_type.as_str(),
        "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
            // Docker before 1.10.
            | "application/octet-stream"
            | ""
    );
    match artifact_type.filter(|kind| !kind.is_empty()) {
        Some(kind) if !image || !kind.contains("image.config") => Err(ImageError::Unsupported(format!(
            "{name} is no container image but an artifact of type {kind}, which cannot be run"
        ))),
        None if !image => Err(ImageError::Unsupported(format!(
            "{name} is no container image: unsupported configuration type {}",
            config.media_type
        ))),
        _ => Ok(()),
    }
}

/// The manifest of an index that suits `platform` best; the first of equals, as the index is in order of preference.
pub(crate) fn select<'a>(name: &str, index: &'a [Descriptor], platform: &Platform) -> Result<&'a Descriptor> {
    let mut best: Option<(u8, &Descriptor)> = None;
    for descriptor in index {
        let fit = descriptor.platform().and_then(|offered| platform.suits(&offered));
        if let Some(fit) = fit
            && best.is_none_or(|(other, _)| fit > other)
        {
            best = Some((fit, descriptor));
        }
    }
    match (best, index) {
        (Some((_, descriptor)), _) => Ok(descriptor),
        // Old tools index a single image without a word about its platform.
        (None, [only]) if only.platform.is_none() => Ok(only),
        _ => {
            let mut offered: Vec<String> =
                index.iter().filter_map(Descriptor::platform).map(|platform| platform.to_string()).collect();
            offered.dedup();
            let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
            Err(ImageError::NoMatchingPlatform { platform: platform.to_string(), name: name.to_owned(), offered })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn descriptor(media_type: &str) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": Digest::of(b"x").to_string(), "size": 1})
    }

    fn entry(content: &[u8], platform: serde_json::Value) -> serde_json::Value {
        json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(content).to_string(), "size": 1, "platform": platform})
    }

    fn read(document: &serde_json::Value, content_type: Option<&str>) -> Result<Document> {
        parse("app", document.to_string().as_bytes(), content_type)
    }

    #[test]
    fn images_of_both_families_are_read() {
        for (media_type, config) in [
            (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json"),
            (DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json"),
        ] {
            let document =
                json!({"schemaVersion": 2, "mediaType": media_type, "config": descriptor(config), "layers": []});
            assert!(matches!(read(&document, Some(media_type)), Ok(Document::Image(_))));
            let unnamed = json!({"schemaVersion": 2, "config": descriptor(config), "layers": []});
            assert!(matches!(read(&unnamed, None), Ok(Document::Image(_))));
        }
    }

    #[test]
    fn what_is_two_things_at_once_is_refused() {
        let config = descriptor("application/vnd.oci.image.config.v1+json");
        for document in [
            json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []}),
            json!({"schemaVersion": 2, "layers": [], "manifests": []}),
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": []}),
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "config": config, "layers": []}),
        ] {
            assert!(matches!(read(&document, None), Err(ImageError::Malformed(_))), "{document}");
        }
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
        assert!(matches!(read(&index, Some(OCI_MANIFEST)), Err(ImageError::Malformed(_))));
    }

    #[test]
    fn schema_1_and_artifacts_are_refused_with_a_reason() {
        let schema1 = json!({"schemaVersion": 1, "fsLayers": []});
        assert!(read(&schema1, None).unwrap_err().to_string().contains("schema 1"));
        let chart =
            json!({"schemaVersion": 2, "config": descriptor("application/vnd.cncf.helm.config.v1+json"), "layers": []});
        assert!(read(&chart, None).unwrap_err().to_string().contains("helm"));
        let artifact = json!({"schemaVersion": 2, "artifactType": "application/spdx+json",
            "config": descriptor("application/vnd.oci.empty.v1+json"), "layers": []});
        assert!(read(&artifact, None).unwrap_err().to_string().contains("spdx"));
    }

    #[test]
    fn the_best_platform_of_an_index_is_taken() {
        let document = json!({"schemaVersion": 2, "manifests": [
            entry(b"attestation", json!({"os": "unknown", "architecture": "unknown"})),
            entry(b"v6", json!({"os": "linux", "architecture": "arm", "variant": "v6"})),
            entry(b"v7", json!({"os": "linux", "architecture": "arm", "variant": "v7"})),
            entry(b"amd64", json!({"os": "linux", "architecture": "amd64"})),
        ]});
        let Ok(Document::Index(index)) = read(&document, Some(OCI_INDEX)) else { panic!("no index") };
        let digest = |platform: &str| select("app", &index, &platform.parse().unwrap()).map(|found| found.digest);
        assert_eq!(digest("linux/amd64").unwrap(), Digest::of(b"amd64"));
        assert_eq!(digest("linux/arm/v7").unwrap(), Digest::of(b"v7"));
        assert_eq!(digest("linux/arm/v8").unwrap(), Digest::of(b"v7"));
        let error = digest("linux/s390x").unwrap_err().to_string();
        assert!(error.starts_with("no matching manifest for linux/s390x in the manifest list entries"), "{error}");
        assert!(error.ends_with("offers linux/arm/v6, linux/arm/v7, linux/amd64"), "{error}");
    }

    mod fuzz {
        use super::*;

        fn good() -> serde_json::Value {
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": {"a": "b"},
                "config": descriptor("application/vnd.oci.image.config.v1+json"),
                "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip")]})
        }

        fn index() -> serde_json::Value {
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
                entry(b"v7", json!({"os": "linux", "architecture": "arm", "variant": "v7"}))]})
        }

        /// It is one kind of document, and nothing in it is larger than it may be.
        fn judge(bytes: &[u8]) {
            let native = Platform::native();
            for content_type in [None, Some(OCI_MANIFEST), Some(OCI_INDEX)] {
                match parse("app", bytes, content_type) {
                    Ok(Document::Image(manifest)) => assert!(manifest.layers.len() <= LAYERS_MAX),
                    Ok(Document::Index(index)) => drop(select("app", &index, &native)),
                    Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
                }
            }
        }

        proptest! {
            #[test]
            fn changed_documents_are_read_or_refused(
                manifest in berth_fuzz::changed(good()), index in berth_fuzz::changed(index()),
                bytes in berth_fuzz::damaged(good().to_string().into_bytes()),
            ) {
                judge(manifest.to_string().as_bytes());
                judge(index.to_string().as_bytes());
                judge(&bytes);
            }

            #[test]
            fn changed_configurations_are_read_or_refused(
                config in berth_fuzz::changed(json!({"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
                    "config": {"Env": ["A=b"], "Cmd": ["x"], "ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "b"},
                        "Healthcheck": {"Test": ["NONE"], "Interval": 1}},
                    "history": [{"created_by": "x", "empty_layer": true}],
                    "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"x").to_string()]}})),
            ) {
                drop(serde_json::from_value::<crate::ImageConfig>(config));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse("app", &bytes, None).is_err());
        }
    }
}
