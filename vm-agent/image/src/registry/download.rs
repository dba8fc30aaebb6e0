//! Reading: manifests, and blobs by piece.

use super::{
    Session,
    exchange::{Ask, body},
    failure,
};
use crate::{Digest, ImageError, Result, manifest};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::{StatusCode, header::CONTENT_TYPE};

/// A manifest or index as it was served.
pub(crate) struct Served {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) content_type: Option<String>,
}

impl Session {
    /// The manifest or index of the session's tag or of `digest`, checked against its digest.
    pub(crate) async fn manifest(&self, digest: Option<&Digest>) -> Result<Served> {
        let named = match (digest.copied().or(self.reference.digest()), self.reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_owned(),
            (None, None) => "latest".to_owned(),
        };
        let url = self.url(&format!("manifests/{named}"))?;
        let accept = [manifest::OCI_INDEX, manifest::DOCKER_LIST, manifest::OCI_MANIFEST, manifest::DOCKER_MANIFEST];
        let accept = accept.join(", ");
        let response = self.get_patiently(&url, Ask { accept: Some(&accept), ..Ask::default() }).await?;
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let content_type = header(CONTENT_TYPE.as_str());
        let stated = header("docker-content-digest").and_then(|digest| digest.parse().ok());
        let bytes = body(response, &url, manifest::MANIFEST_MAX).await?;
        let got = Digest::of(&bytes);
        let expected = digest.copied().or(self.reference.digest()).or(stated);
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            let what = format!("the manifest of {}", self.reference.familiar());
            return Err(ImageError::DigestMismatch { what, expected, got });
        }
        Ok(Served { bytes, digest: got, content_type })
    }

    /// A small blob, checked.
    pub(crate) async fn small_blob(&self, digest: &Digest, size: u64, max: u64) -> Result<Vec<u8>> {
        let what = || format!("the configuration of {}", self.reference.familiar());
        if size > max {
            return Err(ImageError::Malformed(format!("{} has {size} bytes, more than the {max} allowed", what())));
        }
        let url = self.url(&format!("blobs/{digest}"))?;
        let bytes = body(self.get_patiently(&url, Ask::default()).await?, &url, max).await?;
        if bytes.len() as u64 != size {
            return Err(ImageError::SizeMismatch { what: what(), expected: size, got: bytes.len() as u64 });
        }
        match Digest::of(&bytes) {
            got if got == *digest => Ok(bytes),
            got => Err(ImageError::DigestMismatch { what: what(), expected: *digest, got }),
        }
    }

    /// A blob's bytes behind the first `from`, as they come, unchecked.
    pub(crate) async fn blob(&self, digest: &Digest, from: u64) -> Result<impl Stream<Item = Result<Bytes>> + use<>> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.get(&url, Ask { from, ..Ask::default() }).await?;
        // A registry without ranges sends all of it again.
        let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { from };
        Ok(response.bytes_stream().map(move |piece| {
            let mut piece = piece.map_err(|e| failure::transport(&url, &e))?;
            let known = usize::try_from(skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            skip -= known as u64;
            Ok(piece.split_off(known))
        }))
    }
}
