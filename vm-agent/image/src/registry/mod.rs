//! The client side of the distribution specification.
//!
//! A session talks to one repository, over a link to its registry. Credentials and tokens go to the registry's own
//! origin and to a token service of the same owner (see `origin`), never to a mirror, never along a redirect to another
//! host, and never to the `urls` of a foreign layer, which are not even read.

mod challenge;
mod client;
mod download;
mod exchange;
mod failure;
mod fetch;
mod login;
mod names;
mod origin;
mod search;
mod tls;
mod token;
mod upload;

use crate::{Credentials, Reference, Result};
pub(crate) use client::Client;
use client::{Trust, url_of};
pub(crate) use download::Served;
pub(crate) use fetch::fetch;
pub(crate) use login::log_in;
use reqwest::{Method, RequestBuilder, Url, header::HeaderValue};
pub use search::Found;
pub(crate) use search::search;
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;
pub(crate) use upload::{Begun, Part};

/// For a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// For a TLS answer from who may speak plain HTTP, before that is tried.
const MAYBE_TLS_TIMEOUT: Duration = Duration::from_secs(3);
/// For the next bytes of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a transfer that broke is taken up again.
pub(crate) const RESUMES: u32 = 4;
/// Before the first resumption; doubled for each further one.
const RESUME_AFTER: Duration = Duration::from_millis(250);

/// The longest time that a registry may ask a client to wait for one document.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Waits before a transfer is taken up again, which happened `resumes` times so far.
pub(crate) async fn back_off(resumes: u32) {
    back_off_for(resumes, Duration::ZERO).await;
}

/// The same, and as long as the registry asked for.
async fn back_off_for(resumes: u32, asked: Duration) {
    tokio::time::sleep((RESUME_AFTER * 2_u32.pow(resumes)).max(asked.min(LONGEST_WAIT))).await;
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

/// A registry that is spoken to.
struct Link {
    client: Arc<Client>,
    /// Its `/v2/`.
    base: Url,
    /// What a token is asked for.
    scopes: Vec<String>,
    /// Whether a token that lasts is asked for besides, as at a login.
    offline: bool,
    credentials: Option<Credentials>,
    authorization: Mutex<Option<HeaderValue>>,
    /// The token that lasts, once there is one; a service may replace it by a new one whenever it is used.
    lasting: Mutex<Option<String>>,
}

/// One repository of a registry.
pub(crate) struct Session {
    link: Link,
    reference: Reference,
    access: Access,
}

impl Link {
    fn new(client: Arc<Client>, base: Url, scopes: Vec<String>, credentials: Option<&Credentials>) -> Self {
        let lasting = match credentials {
            Some(Credentials::IdentityToken(token)) => Some(token.clone()),
            _ => None,
        };
        Self {
            client,
            base,
            scopes,
            offline: false,
            credentials: credentials.cloned(),
            authorization: Mutex::default(),
            lasting: Mutex::new(lasting),
        }
    }
}

/// The `/v2/` of a registry: over TLS, or plain where that is allowed and TLS is not spoken.
async fn reach(client: &Client, authority: &str) -> Result<Url> {
    let base = url_of("https", authority)?;
    if client.trust(&base).await == Trust::Strict {
        return Ok(base);
    }
    // What speaks no TLS may wait for more of what it does not understand.
    let ask = |request: RequestBuilder| request.timeout(MAYBE_TLS_TIMEOUT);
    match client.send(&base, ask, Method::GET).await {
        Ok(_) => Ok(base),
        Err(error) => {
            tracing::debug!(%error, "trying plain HTTP");
            url_of("http", authority)
        }
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
        let base = reach(&client, origin::authority(reference.domain())).await?;
        Self::at(client, base, reference, access, credentials).await
    }

    /// Speaks to a mirror of the registry of `reference`, which is told nothing about who asks.
    pub(crate) async fn at_mirror(client: Arc<Client>, mirror: &Url, reference: &Reference) -> Result<Self> {
        Self::at(client, mirror.clone(), reference, Access::Pull, None).await
    }

    async fn at(
        client: Arc<Client>,
        base: Url,
        reference: &Reference,
        access: Access,
        credentials: Option<&Credentials>,
    ) -> Result<Self> {
        let link = Link::new(client, base, access.scopes(reference.path()), credentials);
        // Whatever it answers: what is asked for next tells more.
        link.greet().await?;
        Ok(Self { link, reference: reference.clone(), access })
    }
}
