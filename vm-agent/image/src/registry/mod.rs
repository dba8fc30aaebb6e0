//! The client side of the distribution specification, as far as pulling needs it.
//!
//! A session talks to one repository. Its credentials and tokens go to the registry's own origin and to a token service
//! of the same owner (see `origin`), never along a redirect to another host, and never to the `urls` of a foreign
//! layer, which are not even read.

mod challenge;
mod failure;
mod names;
mod origin;
mod tls;
mod token;

use crate::{Credentials, Digest, ImageError, NetworkConfig, Reference, Result, manifest};
use bytes::Bytes;
use futures_util::Stream;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RANGE, WWW_AUTHENTICATE},
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// For a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// For a TLS answer from the user's own loopback, before plain HTTP is tried.
const LOOPBACK_TLS_TIMEOUT: Duration = Duration::from_secs(3);
/// For the next bytes of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Hops that a request may be sent on.
const REDIRECTS_MAX: usize = 5;
/// Largest error answer that is read, bytes.
const ERROR_MAX: u64 = 64 << 10;

/// Connections to registries, shared by all pulls.
pub(crate) struct Client {
    strict: reqwest::Client,
    /// For the user's own loopback.
    trusting: reqwest::Client,
    host_address: Option<IpAddr>,
}

/// One repository of a registry.
pub(crate) struct Session {
    client: Arc<Client>,
    base: Url,
    reference: Reference,
    credentials: Option<Credentials>,
    authorization: Mutex<Option<HeaderValue>>,
}

/// What is said besides the address.
#[derive(Clone, Copy, Default)]
struct Ask<'a> {
    accept: Option<&'a str>,
    /// The first byte wanted.
    from: u64,
}

/// A manifest or index as it was served.
pub(crate) struct Served {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) content_type: Option<String>,
}

impl Client {
    pub(crate) fn new(network: &NetworkConfig) -> Result<Self> {
        let names = Arc::new(names::Names::new(network)?);
        let build = |tls: rustls::ClientConfig| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .dns_resolver(names.clone())
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
                // Layers want each a connection of their own, and proxies are the host's business.
                .no_proxy()
                .build()
                .map_err(|e| ImageError::Internal(format!("HTTP client: {e}")))
        };
        Ok(Self {
            strict: build(tls::strict(network)?)?,
            trusting: build(tls::trusting()?)?,
            host_address: network.host_address,
        })
    }

    async fn send(
        &self,
        url: &Url,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
        method: Method,
    ) -> Result<Response> {
        let http = if origin::is_loopback(url) { &self.trusting } else { &self.strict };
        let (wire, host) = origin::on_the_wire(url, self.host_address);
        let mut request = add(http.request(method.clone(), wire));
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request.send().await.map_err(|e| failure::transport(url, &e))
    }
}

impl Session {
    /// Finds out how the registry of `reference` is reached and what it wants to know.
    pub(crate) async fn open(
        client: Arc<Client>,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Self> {
        let authority = origin::authority(reference.domain());
        let url = |scheme: &str| {
            let url = format!("{scheme}://{authority}/v2/").parse::<Url>();
            url.map_err(|e| ImageError::Malformed(format!("the registry {authority}: {e}")))
        };
        let base = url("https")?;
        let ask = |request: RequestBuilder| match origin::is_loopback(&base) {
            // What speaks no TLS may wait for more of what it does not understand.
            true => request.timeout(LOOPBACK_TLS_TIMEOUT),
            false => request,
        };
        let (base, response) = match client.send(&base, ask, Method::GET).await {
            Ok(response) => (base, response),
            Err(_) if origin::is_loopback(&base) => {
                let base = url("http")?;
                let response = client.send(&base, |request| request, Method::GET).await?;
                (base, response)
            }
            Err(error) => return Err(error),
        };
        let session = Self {
            client,
            base,
            reference: reference.clone(),
            credentials: credentials.cloned(),
            authorization: Mutex::new(None),
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            session.authorize(&response).await?;
        }
        Ok(session)
    }

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
        let response = self.get(&url, Ask { accept: Some(&accept), from: 0 }).await?;
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
        let bytes = body(self.get(&url, Ask::default()).await?, &url, max).await?;
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
        use futures_util::StreamExt as _;
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.get(&url, Ask { accept: None, from }).await?;
        // A registry without ranges sends all of it again.
        let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { from };
        Ok(response.bytes_stream().map(move |piece| {
            let mut piece = piece.map_err(|e| failure::transport(&url, &e))?;
            let known = usize::try_from(skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            skip -= known as u64;
            Ok(piece.split_off(known))
        }))
    }

    fn url(&self, rest: &str) -> Result<Url> {
        let path = format!("{}/{rest}", self.reference.path());
        self.base.join(&path).map_err(|e| ImageError::Malformed(format!("{}: {e}", self.reference)))
    }

    /// A successful answer, after at most one more try with fresh authorization.
    async fn get(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let mut response = self.follow(url, ask).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorize(&response).await? {
            response = self.follow(url, ask).await?;
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = body(response, url, ERROR_MAX).await.unwrap_or_default();
        Err(failure::answer(&self.reference, status, &body))
    }

    async fn follow(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let authorization = self.authorization.lock().await.clone().filter(|_| origin::same(&self.base, &url));
            let add = |mut request: RequestBuilder| {
                if let Some(accept) = ask.accept {
                    request = request.header(ACCEPT, accept);
                }
                if ask.from > 0 {
                    request = request.header(RANGE, format!("bytes={}-", ask.from));
                }
                match &authorization {
                    Some(value) => request.header(AUTHORIZATION, value.clone()),
                    None => request,
                }
            };
            let response = self.client.send(&url, add, Method::GET).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok());
            match next {
                Some(next) if origin::may_redirect(&url, &next) => url = next,
                _ => {
                    return Err(ImageError::Registry(format!(
                        "Get \"{url}\": the registry redirects to {}, which is refused",
                        location.unwrap_or("nowhere")
                    )));
                }
            }
        }
        Err(ImageError::Registry(format!("Get \"{url}\": stopped after {REDIRECTS_MAX} redirects")))
    }

    /// Answers the challenge of a 401; `false` when there is nothing new to say.
    async fn authorize(&self, response: &Response) -> Result<bool> {
        // Whoever asks, the answer goes to the registry's own origin only (see `follow`).
        let challenges: Vec<_> = response
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenge::parse)
            .collect();
        let mut held = self.authorization.lock().await;
        let answer =
            token::answer(&self.client, &self.base, &self.reference, &challenges, self.credentials.as_ref()).await?;
        let news = answer.is_some() && answer != *held;
        if answer.is_some() {
            *held = answer;
        }
        Ok(news)
    }
}

/// A whole answer of at most `max` bytes.
async fn body(mut response: Response, url: &Url, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| failure::transport(url, &e))? {
        if bytes.len() as u64 + piece.len() as u64 > max {
            return Err(ImageError::Registry(format!("Get \"{url}\": the answer is over {max} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
