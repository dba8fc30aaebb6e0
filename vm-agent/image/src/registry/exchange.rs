//! One question and its answer: authorization, redirects, failures.

use super::{Session, challenge, failure, origin, token};
use crate::{ImageError, Result};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, LOCATION, RANGE, WWW_AUTHENTICATE},
};

/// Hops that a request may be sent on.
const REDIRECTS_MAX: usize = 5;
/// Largest error answer that is read, bytes.
const ERROR_MAX: u64 = 64 << 10;

/// What is said besides the address.
#[derive(Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    pub(super) accept: Option<&'a str>,
    /// The first byte wanted.
    pub(super) from: u64,
    /// Whether the head of the answer is enough.
    pub(super) head_only: bool,
}

impl Session {
    pub(super) fn url(&self, rest: &str) -> Result<Url> {
        let path = format!("{}/{rest}", self.reference.path());
        self.base.join(&path).map_err(|e| ImageError::Malformed(format!("{}: {e}", self.reference)))
    }

    /// A successful answer, after at most one more try with fresh authorization.
    pub(super) async fn get(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let response = self.read(url, ask).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(url, response).await) }
    }

    /// Any answer, after at most one more try with fresh authorization.
    pub(super) async fn read(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let response = self.follow(url, ask).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorize(&response).await? {
            return self.follow(url, ask).await;
        }
        Ok(response)
    }

    /// Any answer to what changes something, which no redirect is followed for; `add` may be called twice.
    pub(super) async fn change(
        &self,
        method: Method,
        url: &Url,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let response = self.send(method.clone(), url, &add).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorize(&response).await? {
            return self.send(method, url, &add).await;
        }
        Ok(response)
    }

    /// Why an answer is no success.
    pub(super) async fn refused(&self, url: &Url, response: Response) -> ImageError {
        let status = response.status();
        let body = body(response, url, ERROR_MAX).await.unwrap_or_default();
        failure::answer(&self.reference, &self.access, status, &body)
    }

    /// Where an answer sends the client to, when that may be gone to.
    pub(super) fn next(from: &Url, response: &Response) -> Result<Url> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| from.join(location).ok());
        next.filter(|next| origin::may_redirect(from, next)).ok_or_else(|| {
            ImageError::Registry(format!(
                "Get \"{from}\": the registry redirects to {}, which is refused",
                location.unwrap_or("nowhere")
            ))
        })
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        add: &impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let authorization = self.authorization.lock().await.clone().filter(|_| origin::same(&self.base, url));
        let add = |request: RequestBuilder| match &authorization {
            Some(value) => add(request).header(AUTHORIZATION, value.clone()),
            None => add(request),
        };
        self.client.send(url, add, method).await
    }

    async fn follow(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let method = if ask.head_only { Method::HEAD } else { Method::GET };
        let add = |mut request: RequestBuilder| {
            if let Some(accept) = ask.accept {
                request = request.header(ACCEPT, accept);
            }
            if ask.from > 0 {
                request = request.header(RANGE, format!("bytes={}-", ask.from));
            }
            request
        };
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.send(method.clone(), &url, &add).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            url = Self::next(&url, &response)?;
        }
        Err(ImageError::Registry(format!("Get \"{url}\": stopped after {REDIRECTS_MAX} redirects")))
    }

    /// Answers the challenge of a 401; `false` when there is nothing new to say.
    pub(super) async fn authorize(&self, response: &Response) -> Result<bool> {
        // Whoever asks, the answer goes to the registry's own origin only (see `follow`).
        let challenges: Vec<_> = response
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenge::parse)
            .collect();
        let mut held = self.authorization.lock().await;
        let answer = token::answer(self, &challenges).await?;
        let news = answer.is_some() && answer != *held;
        if answer.is_some() {
            *held = answer;
        }
        Ok(news)
    }
}

/// A whole answer of at most `max` bytes.
pub(super) async fn body(mut response: Response, url: &Url, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| failure::transport(url, &e))? {
        if bytes.len() as u64 + piece.len() as u64 > max {
            return Err(ImageError::Registry(format!("Get \"{url}\": the answer is over {max} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
