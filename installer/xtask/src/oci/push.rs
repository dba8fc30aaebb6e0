//! Pushes an image to a registry on loopback, by the distribution API's single-request upload.

use super::{Image, digest};
use anyhow::{Context, Result, bail};
use serde_json::json;

/// Pushes `image` as `repository:tag` to the registry at `base`, such as `http://127.0.0.1:5000`. With `index`, the tag
/// names an index whose only entry is the image for `arch`.
pub(crate) fn push(image: &Image, base: &str, repository: &str, tag: &str, index: Option<&str>) -> Result<()> {
    for (blob, digest) in image
        .layers
        .iter()
        .map(|layer| (layer.blob.as_slice(), layer.digest.clone()))
        .chain([(image.config.as_slice(), digest(&image.config))])
    {
        upload(base, repository, blob, &digest).with_context(|| format!("cannot upload {digest}"))?;
    }
    let (manifest, kind) = image.manifest();
    let Some(arch) = index else {
        return put(&format!("{base}/v2/{repository}/manifests/{tag}"), kind, &manifest);
    };
    let id = digest(&manifest);
    put(&format!("{base}/v2/{repository}/manifests/{id}"), kind, &manifest)?;
    let media = "application/vnd.oci.image.index.v1+json";
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media,
        "manifests": [{ "mediaType": kind, "digest": id, "size": manifest.len(), "platform": { "os": "linux", "architecture": arch } }],
    });
    put(&format!("{base}/v2/{repository}/manifests/{tag}"), media, index.to_string().as_bytes())
}

fn upload(base: &str, repository: &str, blob: &[u8], digest: &str) -> Result<()> {
    let opened = ureq::post(format!("{base}/v2/{repository}/blobs/uploads/")).send_empty()?;
    let place = opened
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok())
        .context("the registry named no upload place")?;
    let place = if place.starts_with('/') { format!("{base}{place}") } else { place.to_owned() };
    let joint = if place.contains('?') { '&' } else { '?' };
    put(&format!("{place}{joint}digest={digest}"), "application/octet-stream", blob)
}

fn put(url: &str, kind: &str, body: &[u8]) -> Result<()> {
    let answer = ureq::put(url).header("content-type", kind).send(body)?;
    if answer.status() == 201 { Ok(()) } else { bail!("the registry answered {} to PUT {url}", answer.status()) }
}
