//! Images made in memory.

use berth_image::Digest;
use serde_json::json;
use std::io::Write as _;

pub(crate) const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[derive(Clone)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
}

impl Blob {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    None,
}

#[derive(Clone)]
pub(crate) struct FixtureLayer {
    pub(crate) blob: Blob,
    pub(crate) plain: Vec<u8>,
    compression: Compression,
}

#[derive(Clone)]
pub(crate) struct FixtureImage {
    pub(crate) layers: Vec<FixtureLayer>,
    pub(crate) config: Blob,
    pub(crate) manifest: Vec<u8>,
    pub(crate) media_type: &'static str,
}

/// A tar of these files; a name that ends in a slash is a directory.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        let directory = name.ends_with('/');
        header.set_entry_type(if directory { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_mode(if directory { 0o755 } else { 0o644 });
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

pub(crate) fn layer(plain: Vec<u8>, compression: Compression) -> FixtureLayer {
    let bytes = match compression {
        Compression::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&plain).unwrap();
            gzip.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(&plain[..], 1).unwrap(),
        Compression::None => plain.clone(),
    };
    FixtureLayer { blob: Blob::new(bytes), plain, compression }
}

pub(crate) fn files(files: &[(&str, &[u8])]) -> FixtureLayer {
    layer(tar(files), Compression::Gzip)
}

impl FixtureImage {
    pub(crate) fn new(layers: Vec<FixtureLayer>) -> Self {
        Self::of(layers, "amd64", OCI)
    }

    pub(crate) fn of(layers: Vec<FixtureLayer>, architecture: &str, media_type: &'static str) -> Self {
        Self::made(layers, architecture, media_type, &["/bin/hello"])
    }

    pub(crate) fn with_command(layers: Vec<FixtureLayer>, command: &[&str]) -> Self {
        Self::made(layers, "amd64", OCI, command)
    }

    fn made(layers: Vec<FixtureLayer>, architecture: &str, media_type: &'static str, command: &[&str]) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(&layer.plain).to_string()).collect();
        let config = json!({
            "created": "2026-01-02T03:04:05Z", "architecture": architecture, "os": "linux",
            "config": {"Cmd": command, "Env": ["A=b"], "ExposedPorts": {"80/tcp": {}}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = Blob::new(config.to_string().into_bytes());
        let manifest = Self::manifest(&config, &layers, media_type);
        Self { layers, config, manifest, media_type }
    }

    pub(crate) fn manifest(config: &Blob, layers: &[FixtureLayer], media_type: &str) -> Vec<u8> {
        let (config_type, layer_type) = match media_type {
            DOCKER => {
                ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar")
            }
            _ => ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"),
        };
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                let suffix = match (layer.compression, media_type) {
                    (Compression::Gzip, DOCKER) => ".gzip",
                    (Compression::Gzip, _) => "+gzip",
                    (Compression::Zstd, _) => "+zstd",
                    (Compression::None, _) => "",
                };
                json!({"mediaType": format!("{layer_type}{suffix}"), "digest": layer.blob.digest.to_string(),
                    "size": layer.blob.bytes.len()})
            })
            .collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type,
            "config": {"mediaType": config_type, "digest": config.digest.to_string(), "size": config.bytes.len()},
            "layers": layers});
        manifest.to_string().into_bytes()
    }

    pub(crate) fn id(&self) -> Digest {
        self.config.digest
    }
}

/// An index of images by architecture.
pub(crate) fn index(images: &[(&str, &FixtureImage)]) -> Vec<u8> {
    let manifests: Vec<_> = images
        .iter()
        .map(|(architecture, image)| {
            json!({"mediaType": image.media_type, "digest": Digest::of(&image.manifest).to_string(),
                "size": image.manifest.len(), "platform": {"os": "linux", "architecture": architecture}})
        })
        .collect();
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).to_string().into_bytes()
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(step).flatten().take(len).collect()
}
