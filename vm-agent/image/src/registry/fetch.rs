//! Files that belong to no registry: nobody says who asks for them.

use super::{Client, Link, exchange::REDIRECTS_MAX, failure};
use crate::{ImageError, Result};
use futures_util::TryStreamExt as _;
use reqwest::{Method, Url};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

/// A file that has begun to come.
pub(crate) struct Fetched {
    /// Where it was looked for first.
    pub(crate) url: Url,
    pub(crate) body: Box<dyn AsyncRead + Send + Unpin>,
}

/// Asks for the file at `text`, an address of http or https; http when it says neither.
pub(crate) async fn fetch(client: &Client, text: &str) -> Result<Fetched> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let first: Url =
        whole.parse().map_err(|e| ImageError::Malformed(format!("{text:?} is no address of a file: {e}")))?;
    if !matches!(first.scheme(), "http" | "https") {
        return Err(ImageError::Malformed(format!(
            "a file is fetched over http or https, and not over {}",
            first.scheme()
        )));
    }
    let mut url = first.clone();
    for _ in 0..=REDIRECTS_MAX {
        let response = client.send(&url, |request| request, Method::GET).await?;
        let status = response.status();
        if status.is_redirection() {
            url = Link::next(&url, &response)?;
        } else if status.is_success() {
            let pieces = response.bytes_stream().map_err(move |e| std::io::Error::other(failure::transport(&url, &e)));
            return Ok(Fetched { url: first, body: Box::new(StreamReader::new(Box::pin(pieces))) });
        } else {
            return Err(ImageError::Registry(format!("failed to GET {url} with status {status}")));
        }
    }
    Err(ImageError::Registry(format!("Get \"{url}\": stopped after {REDIRECTS_MAX} redirects")))
}
