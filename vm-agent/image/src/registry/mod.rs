//! The client side of the distribution specification.
//!
//! A session talks to one repository. Its credentials and tokens go to the registry's own origin and to a token service
//! of the same owner (see `origin`), never along a redirect to another host, and never to the `urls` of a foreign
//! layer, which are not even read.

mod challenge;
mod download;
mod exchange;
mod failure;
mod names;
mod origin;
mod tls;
mod token;
mod upload;

use crate::{Credentials, ImageError, NetworkConfig, Reference, Result};
pub(crate) use download::Served;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{HOST, HeaderValue},
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::Mutex;
pub(crate) use upload::{Begun, Rest};

/// For a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// For a TLS answer from the user's own loopback, before plain HTTP is tried.
const LOOPBACK_TLS_TIMEOUT: Duration = Duration::from_secs(3);
/// For the next bytes of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a transfer that broke is taken up again.
pub(crate) const RESUMES: u32 = 4;
/// Before the first resumption; doubled for each further one.
const RESUME_AFTER: Duration = Duration::from_millis(250);

/// Waits before a transfer is taken up again, which happened `resumes` times so far.
pub(crate) async fn back_off(resumes: u32) {
    tokio::time::sleep(RESUME_AFTER * 2_u32.pow(resumes)).await;
}

/// Connections to registries, shared by all pulls and pushes.
pub(crate) struct Client {
    strict: Pair,
    /// For the user's own loopback.
    trusting: Pair,
    host_address: Option<IpAddr>,
}

/// Clients of the same trust.
struct Pair {
    /// Waits [`READ_TIMEOUT`] for an answer.
    reading: reqwest::Client,
    /// Waits for as long as a body takes to be sent: see `upload`.
    sending: reqwest::Client,
}

/// What a session is for: a token is asked for that, and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading.
    Pull,
    /// Writing, and reading from these other repositories of the registry what need not be sent then.
    Push { sources: Vec<String> },
}

impl Access {
    /// The scopes of a token (distribution specification, "Token Scope").
    fn scopes(&self, repository: &str) -> Vec<String> {
        match self {
            Self::Pull => vec![format!("repository:{repository}:pull")],
            Self::Push { sources } => {
                let others = sources.iter().map(|source| format!("repository:{source}:pull"));
                std::iter::once(format!("repository:{repository}:pull,push")).chain(others).collect()
            }
        }
    }
}

/// One repository of a registry.
pub(crate) struct Session {
    client: Arc<Client>,
    base: Url,
    reference: Reference,
    access: Access,
    credentials: Option<Credentials>,
    authorization: Mutex<Option<HeaderValue>>,
}

impl Client {
    pub(crate) fn new(network: &NetworkConfig) -> Result<Self> {
        let names = Arc::new(names::Names::new(network)?);
        let build = |tls: rustls::ClientConfig, read_timeout: Option<Duration>| {
            let mut builder = reqwest::Client::builder();
            if let Some(timeout) = read_timeout {
                builder = builder.read_timeout(timeout);
            }
            builder
                .tls_backend_preconfigured(tls)
                .dns_resolver(names.clone())
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
                // Layers want each a connection of their own, and proxies are the host's business.
                .no_proxy()
                .build()
                .map_err(|e| ImageError::Internal(format!("HTTP client: {e}")))
        };
        let pair = |tls: rustls::ClientConfig| {
            Ok::<_, ImageError>(Pair { reading: build(tls.clone(), Some(READ_TIMEOUT))?, sending: build(tls, None)? })
        };
        Ok(Self {
            strict: pair(tls::strict(network)?)?,
            trusting: pair(tls::trusting()?)?,
            host_address: network.host_address,
        })
    }

    async fn send(
        &self,
        url: &Url,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
        method: Method,
    ) -> Result<Response> {
        let pair = if origin::is_loopback(url) { &self.trusting } else { &self.strict };
        let http = if matches!(method, Method::PATCH | Method::PUT) { &pair.sending } else { &pair.reading };
        let (wire, host) = origin::on_the_wire(url, self.host_address);
        let mut request = add(http.request(method, wire));
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.send().await.map_err(|e| failure::transport(url, &e))
    }
}

impl Session {
    /// Finds out how the registry of `reference` is reached and what it wants to know.
    pub(crate) async fn open(
        client: Arc<Client>,
        reference: &Reference,
        access: Access,
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
            access,
            credentials: credentials.cloned(),
            authorization: Mutex::new(None),
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            session.authorize(&response).await?;
        }
        Ok(session)
    }
}
