//! One question and its answer: authorization, redirects, failures.

use super::{
    Link, RESUMES, Session, back_off_for,
    challenge::{self, Challenge},
    failure, origin, token,
};
use crate::{ImageError, Result};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use std::time::Duration;

/// Hops that a request may be sent on.
pub(super) const REDIRECTS_MAX: usize = 5;
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

/// An answer, and what it was asked with.
struct Answered {
    response: Response,
    /// What the registry was told about who asks.
    authorization: Option<HeaderValue>,
    /// Whether the registry itself answered, and not one it sent the client to.
    at_home: bool,
}

impl Session {
    pub(super) fn url(&self, rest: &str) -> Result<Url> {
        self.link.url(&format!("{}/{rest}", self.reference.path()))
    }

    /// A successful answer, after at most one more try with fresh authorization.
    pub(super) async fn get(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let response = self.link.read(url, ask).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(url, response).await) }
    }

    /// As [`Session::get`], for a document that is small enough to be asked for anew: a registry that is busy is given
    /// time.
    pub(super) async fn get_patiently(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        for resumes in 0..RESUMES {
            let response = self.link.read(url, ask).await?;
            match response.status().as_u16() {
                // Too many requests, and what stands before a registry when that is away for a moment.
                429 | 502..=504 => back_off_for(resumes, asked_to_wait(&response)).await,
                _ if response.status().is_success() => return Ok(response),
                _ => return Err(self.refused(url, response).await),
            }
        }
        self.get(url, ask).await
    }

    /// Why an answer is no success.
    pub(super) async fn refused(&self, url: &Url, response: Response) -> ImageError {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && self.link.credentials.is_none() && wants_a_password(&response) {
            return failure::nobody(&self.reference);
        }
        let body = body(response, url, ERROR_MAX).await.unwrap_or_default();
        failure::answer(&self.reference, &self.access, status, &body)
    }
}

impl Link {
    pub(super) fn url(&self, rest: &str) -> Result<Url> {
        self.base.join(rest).map_err(|e| ImageError::Malformed(format!("{}{rest}: {e}", self.base)))
    }

    /// Any answer, after at most one more try with fresh authorization.
    pub(super) async fn read(&self, url: &Url, ask: Ask<'_>) -> Result<Response> {
        let answered = self.follow(url, ask).await?;
        if self.authorize(&answered).await? {
            return Ok(self.follow(url, ask).await?.response);
        }
        Ok(answered.response)
    }

    /// Any answer to what changes something, which no redirect is followed for; `add` may be called twice.
    pub(super) async fn change(
        &self,
        method: Method,
        url: &Url,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let answered = self.send(method.clone(), url, &add).await?;
        if self.authorize(&answered).await? {
            return Ok(self.send(method, url, &add).await?.response);
        }
        Ok(answered.response)
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
    ) -> Result<Answered> {
        let at_home = origin::same(&self.base, url);
        let authorization = if at_home { self.authorization.lock().await.clone() } else { None };
        let add = |request: RequestBuilder| match &authorization {
            Some(value) => add(request).header(AUTHORIZATION, value.clone()),
            None => add(request),
        };
        let response = self.client.send(url, add, method).await?;
        Ok(Answered { response, authorization, at_home })
    }

    async fn follow(&self, url: &Url, ask: Ask<'_>) -> Result<Answered> {
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
            let answered = self.send(method.clone(), &url, &add).await?;
            if !answered.response.status().is_redirection() {
                return Ok(answered);
            }
            url = Self::next(&url, &answered.response)?;
        }
        Err(ImageError::Registry(format!("Get \"{url}\": stopped after {REDIRECTS_MAX} redirects")))
    }

    /// Answers the challenge of a 401 of the registry itself; `false` when there is nothing new to say. Many requests
    /// may meet the end of a token at once: the first of them fetches the next one, the others take it.
    async fn authorize(&self, answered: &Answered) -> Result<bool> {
        if answered.response.status() != StatusCode::UNAUTHORIZED || !answered.at_home {
            return Ok(false);
        }
        let mut held = self.authorization.lock().await;
        if *held != answered.authorization {
            return Ok(true);
        }
        let challenges = challenges(&answered.response);
        let answer = token::answer(self, &challenges).await?;
        let news = answer.is_some() && answer != *held;
        if answer.is_some() {
            *held = answer;
        }
        Ok(news)
    }

    /// Finds out, once, how the registry is reached and what it wants to know.
    pub(super) async fn greet(&self) -> Result<Response> {
        self.read(&self.base, Ask::default()).await
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3); a date is left out, since clocks differ.
fn asked_to_wait(response: &Response) -> Duration {
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(header.and_then(|value| value.trim().parse().ok()).unwrap_or(0))
}

fn challenges(response: &Response) -> Vec<Challenge> {
    let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
    headers.filter_map(|value| value.to_str().ok()).flat_map(challenge::parse).collect()
}

fn wants_a_password(response: &Response) -> bool {
    let challenges = challenges(response);
    !challenges.is_empty() && challenges.iter().all(|challenge| challenge.scheme == "basic")
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
