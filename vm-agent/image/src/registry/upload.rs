//! Writing: blobs and manifests (distribution specification, "Push").

use super::{Link, READ_TIMEOUT, Session, exchange::Ask};
use crate::{Digest, ImageError, Result};
use reqwest::{
    Body, Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};
use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

/// What became of the wish to upload a blob.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The registry took it from another of its repositories.
    Mounted,
    /// Its bytes go here.
    At(Url),
}

/// A part of a blob, to be sent.
pub(crate) struct Part<'a> {
    /// Where its first byte is in the blob.
    pub(crate) from: u64,
    /// Where the byte behind its last one is.
    pub(crate) to: u64,
    /// Bytes of the whole blob.
    pub(crate) size: u64,
    /// The bytes, read anew each time that they are sent.
    pub(crate) body: &'a (dyn Fn() -> Body + Send + Sync),
    /// Grows while bytes go: an upload that stands still is given up.
    pub(crate) gone: &'a AtomicU64,
}

impl Session {
    /// Whether the repository has a blob.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.link.read(&url, Ask { head_only: true, ..Ask::default() }).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(self.refused(&url, response).await),
        }
    }

    /// Begins to upload a blob; from the repository that `mount` names it need not be sent, if the registry agrees.
    pub(crate) async fn begin(&self, mount: Option<(&Digest, &str)>) -> Result<Begun> {
        let mut url = self.url("blobs/uploads/")?;
        if let Some((digest, source)) = mount {
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", source);
        }
        let response = self.link.change(Method::POST, &url, |request| request.header(CONTENT_LENGTH, 0)).await?;
        match response.status() {
            StatusCode::CREATED if mount.is_some() => Ok(Begun::Mounted),
            status if status.is_success() => Link::next(&url, &response).map(Begun::At),
            _ => Err(self.refused(&url, response).await),
        }
    }

    /// Sends a part of a blob; gives where to go on, or `None` when the registry takes blobs only whole.
    pub(crate) async fn send_blob(&self, location: &Url, part: &Part<'_>) -> Result<Option<Url>> {
        let whole = part.from == 0 && part.to == part.size;
        let add = |request: RequestBuilder| {
            let request = request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, part.to - part.from)
                .body((part.body)());
            // Not every registry takes a range where there are no parts.
            if whole { request } else { request.header(CONTENT_RANGE, format!("{}-{}", part.from, part.to - 1)) }
        };
        let sent = self.link.change(Method::PATCH, location, add);
        let response = unless_stalled(part.gone, sent).await.unwrap_or_else(|| Err(stalled(location)))?;
        match response.status() {
            status if status.is_success() => Link::next(location, &response).map(Some),
            // What another try, or other credentials, would not change.
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::LENGTH_REQUIRED
            | StatusCode::RANGE_NOT_SATISFIABLE
            | StatusCode::NOT_IMPLEMENTED
                if !whole =>
            {
                Ok(None)
            }
            _ => Err(self.refused(location, response).await),
        }
    }

    /// How many bytes of an upload have come, and where it goes on.
    pub(crate) async fn sent(&self, location: &Url) -> Result<(u64, Url)> {
        let response = self.get(location, Ask::default()).await?;
        let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let last = range.trim_start_matches("bytes=").split_once('-').and_then(|(_, last)| last.parse::<u64>().ok());
        // `0-0` is said for nothing and for one byte; the byte is sent again then.
        let sent = last.filter(|last| *last > 0).map_or(0, |last| last + 1);
        let next = Link::next(location, &response).unwrap_or_else(|_| location.clone());
        Ok((sent, next))
    }

    /// Ends an upload: the registry compares the digest.
    pub(crate) async fn finish(&self, location: &Url, digest: &Digest) -> Result<()> {
        let mut url = location.clone();
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let response = self.put(&url, |request| request.header(CONTENT_LENGTH, 0)).await?;
        if response.status().is_success() { Ok(()) } else { Err(self.refused(&url, response).await) }
    }

    /// Stores a manifest under a tag or its digest.
    pub(crate) async fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        let url = self.url(&format!("manifests/{name}"))?;
        let add = |request: RequestBuilder| request.header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        let response = self.put(&url, add).await?;
        if response.status().is_success() { Ok(()) } else { Err(self.refused(&url, response).await) }
    }

    async fn put(&self, url: &Url, add: impl Fn(RequestBuilder) -> RequestBuilder) -> Result<Response> {
        let put = tokio::time::timeout(READ_TIMEOUT, self.link.change(Method::PUT, url, add)).await;
        put.unwrap_or_else(|_| Err(stalled(url)))
    }
}

/// What `work` comes to; `None` when `gone` has not grown for [`READ_TIMEOUT`].
async fn unless_stalled<T>(gone: &AtomicU64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut before = gone.load(Ordering::Relaxed);
    loop {
        if let Ok(done) = tokio::time::timeout(READ_TIMEOUT, &mut work).await {
            return Some(done);
        }
        let now = gone.load(Ordering::Relaxed);
        if now == before {
            return None;
        }
        before = now;
    }
}

fn stalled(url: &Url) -> ImageError {
    ImageError::Registry(format!(
        "\"{url}\": i/o timeout: nothing moved for {} seconds; check the network",
        READ_TIMEOUT.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_upload_may_take_for_ever_as_long_as_it_moves() {
        let gone = AtomicU64::new(0);
        let moving = async {
            for _ in 0..100 {
                tokio::time::sleep(READ_TIMEOUT / 2).await;
                gone.fetch_add(1, Ordering::Relaxed);
            }
            "sent"
        };
        assert_eq!(unless_stalled(&gone, moving).await, Some("sent"));
        let still = tokio::time::sleep(Duration::from_secs(3600));
        assert!(unless_stalled(&gone, still).await.is_none());
    }
}
