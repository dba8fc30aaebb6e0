//! The archive that `berth load` and `docker load` take: an OCI layout that also carries docker's `manifest.json`.

use super::{Image, LayerBuilder, digest};
use anyhow::Result;
use serde_json::json;
use std::path::Path;

/// Writes `image` under the name `reference` to `path`; the file appears whole or not at all.
pub(crate) fn write_archive(image: &Image, reference: &str, path: &Path) -> Result<()> {
    let (manifest, kind) = image.manifest();
    let blob = |digest: &str| format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": kind,
            "digest": digest(&manifest),
            "size": manifest.len(),
            "annotations": {
                "io.containerd.image.name": format!("docker.io/{reference}"),
                "org.opencontainers.image.ref.name": reference.rsplit(':').next(),
            },
        }],
    });
    let docker = json!([{
        "Config": blob(&digest(&image.config)),
        "RepoTags": [reference],
        "Layers": image.layers.iter().map(|layer| blob(&layer.digest)).collect::<Vec<_>>(),
    }]);
    let mut archive = LayerBuilder::new("");
    archive.dir("blobs", 0o755)?.dir("blobs/sha256", 0o755)?;
    for layer in &image.layers {
        archive.file(&blob(&layer.digest), 0o644, &layer.blob)?;
    }
    archive
        .file(&blob(&digest(&image.config)), 0o644, &image.config)?
        .file(&blob(&digest(&manifest)), 0o644, &manifest)?
        .file("index.json", 0o644, index.to_string().as_bytes())?
        .file("manifest.json", 0o644, docker.to_string().as_bytes())?
        .file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    std::io::Write::write_all(&mut file, &archive.into_tar()?)?;
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
