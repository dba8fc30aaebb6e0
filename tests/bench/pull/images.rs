//! The images that are pulled: made of files of this machine, so that they compress and unpack as real ones do.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::Path;

/// How layers are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

/// One image, in memory.
pub(super) struct Image {
    pub(super) repository: &'static str,
    pub(super) compression: Compression,
    pub(super) layers: Vec<Layer>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

/// One layer.
pub(super) struct Layer {
    pub(super) plain: Vec<u8>,
    pub(super) blob: Vec<u8>,
    pub(super) digest: String,
}

/// The contents of files below `source` behind each other, `len` bytes.
pub(super) fn plain(source: &Path, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => bytes.extend(std::fs::read(entry.path()).unwrap_or_default()),
                _ => {}
            }
            if bytes.len() >= len {
                bytes.truncate(len);
                return bytes;
            }
        }
    }
    panic!("{} has less than {len} bytes", source.display())
}

/// A layer's archive of these bytes, in files as large as those of a distribution are in the mean.
pub(super) fn layer(number: usize, bytes: &[u8]) -> Vec<u8> {
    const FILE: usize = 40_000;
    let mut archive = tar::Builder::new(Vec::new());
    for (at, content) in bytes.chunks(FILE).enumerate() {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        let path = format!("opt/{number}/{}/{at}", at / 100);
        archive.append_data(&mut header, path, content).expect("a file");
    }
    archive.into_inner().expect("a layer")
}

impl Image {
    pub(super) fn new(repository: &'static str, compression: Compression, plain: &[Vec<u8>]) -> Self {
        let layers: Vec<_> = plain.iter().map(|plain| Layer::new(plain, compression)).collect();
        let diff_ids: Vec<_> = plain.iter().map(|plain| digest(plain)).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/bin/true"] },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = config.to_string().into_bytes();
        let kind = match compression {
            Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        };
        let of = |layer: &Layer| json!({ "mediaType": kind, "digest": layer.digest, "size": layer.blob.len() });
        let manifest: Value = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest(&config), "size": config.len() },
            "layers": layers.iter().map(of).collect::<Vec<_>>(),
        });
        Self { repository, compression, layers, config, manifest: manifest.to_string().into_bytes() }
    }

    pub(super) fn tag(&self) -> &'static str {
        match self.compression {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.repository, self.tag())
    }

    /// Puts it into the registry at this port.
    pub(super) fn push(&self, port: u16) {
        let base = format!("http://127.0.0.1:{port}/v2/{}", self.repository);
        for bytes in self.layers.iter().map(|layer| &layer.blob).chain([&self.config]) {
            let begun = ureq::post(format!("{base}/blobs/uploads/")).send_empty().expect("an upload");
            let location = begun.headers()["location"].to_str().expect("a location").to_owned();
            let joint = if location.contains('?') { '&' } else { '?' };
            ureq::put(format!("{location}{joint}digest={}", digest(bytes))).send(&bytes[..]).expect("a blob");
        }
        let put = ureq::put(format!("{base}/manifests/{}", self.tag()));
        let put = put.header("content-type", "application/vnd.oci.image.manifest.v1+json");
        put.send(&self.manifest[..]).expect("a manifest");
    }
}

impl Layer {
    fn new(plain: &[u8], compression: Compression) -> Self {
        let blob = match compression {
            Compression::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                gzip.write_all(plain).expect("memory");
                gzip.finish().expect("memory")
            }
            Compression::Zstd => zstd::encode_all(plain, 3).expect("memory"),
        };
        Self { plain: plain.to_vec(), digest: digest(&blob), blob }
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}
