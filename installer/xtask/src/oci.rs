//! Writes container images from file trees, the same bytes for the same input: the welcome image that ships, and the
//! images the tests pull.

mod archive;
mod layer;
mod push;

pub(crate) use archive::write_archive;
pub(crate) use layer::{Compression, Layer, LayerBuilder};
pub(crate) use push::push;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Which family of media types a manifest uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `application/vnd.oci.image.*`
    Oci,
    /// `application/vnd.docker.*`, schema 2.
    Docker,
}

/// An image ready to be written or pushed.
pub(crate) struct Image {
    /// The config blob.
    pub config: Vec<u8>,
    /// Lowest first.
    pub layers: Vec<Layer>,
    /// Which media types its manifest names.
    pub family: Family,
}

/// What a container of the image does by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defaults<'a> {
    /// `CMD`.
    pub cmd: &'a [&'a str],
    /// `ENTRYPOINT`.
    pub entrypoint: &'a [&'a str],
    /// `ENV` besides `PATH`.
    pub env: &'a [&'a str],
    /// `EXPOSE`, such as `80/tcp`.
    pub expose: Option<&'a str>,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<&'a str>,
    /// `USER`.
    pub user: Option<&'a str>,
}

impl Image {
    /// An image for linux/amd64 or linux/arm64 (`arch` in the OCI's words).
    pub(crate) fn new(arch: &str, layers: Vec<Layer>, family: Family, defaults: &Defaults<'_>) -> Self {
        let mut env = vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()];
        env.extend(defaults.env.iter().map(|&entry| entry.to_owned()));
        let mut settings = json!({ "Env": env });
        let mut set = |key: &str, value: Value| settings[key] = value;
        if !defaults.cmd.is_empty() {
            set("Cmd", json!(defaults.cmd));
        }
        if !defaults.entrypoint.is_empty() {
            set("Entrypoint", json!(defaults.entrypoint));
        }
        if let Some(port) = defaults.expose {
            set("ExposedPorts", json!({ port: {} }));
        }
        if let Some(signal) = defaults.stop_signal {
            set("StopSignal", json!(signal));
        }
        if let Some(user) = defaults.user {
            set("User", json!(user));
        }
        let config = json!({
            "architecture": arch,
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": settings,
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| layer.diff_id.as_str()).collect::<Vec<_>>() },
            "history": layers.iter().map(|layer| json!({ "created": "2026-01-01T00:00:00Z", "created_by": layer.comment })).collect::<Vec<_>>(),
        });
        Self { config: config.to_string().into_bytes(), layers, family }
    }

    /// The manifest blob and its media type.
    pub(crate) fn manifest(&self) -> (Vec<u8>, &'static str) {
        let (kind, config, layer) = match self.family {
            Family::Oci => (
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar",
            ),
            Family::Docker => (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar",
            ),
        };
        let joint = if self.family == Family::Oci { '+' } else { '.' };
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|l| json!({ "mediaType": format!("{layer}{joint}{}", l.compression.suffix()), "digest": l.digest, "size": l.blob.len() }))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "config": { "mediaType": config, "digest": digest(&self.config), "size": self.config.len() },
            "layers": layers,
        });
        (manifest.to_string().into_bytes(), kind)
    }
}

/// `sha256:…` of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
