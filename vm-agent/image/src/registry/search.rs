//! Finding repositories: docker.io has a search of its own, other registries list what they have
//! (distribution specification, "Listing Repositories").

use super::{
    Client, Link,
    client::url_of,
    exchange::{Ask, body},
    failure, origin, reach,
};
use crate::{Credentials, ImageError, Result};
use reqwest::{Method, StatusCode, Url, header::LINK};
use serde::Deserialize;
use std::sync::Arc;

/// Where docker.io is searched.
const HUB: &str = "https://index.docker.io/v1/search";
/// Largest answer, bytes.
const ANSWER_MAX: u64 = 8 << 20;
/// Repositories that are listed at once, and how many such pages are read.
const PAGE: usize = 1000;
const PAGES: usize = 50;

/// A repository that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Found {
    /// As it is pulled.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// How many people liked it.
    pub star_count: u64,
    /// Whether docker itself looks after it.
    pub is_official: bool,
}

#[derive(Deserialize)]
struct HubAnswer {
    #[serde(default)]
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    repositories: Vec<String>,
}

/// At most `limit` repositories whose name fits `term`, which may begin with a registry's host.
pub(crate) async fn search(
    client: &Arc<Client>,
    term: &str,
    limit: usize,
    credentials: Option<&Credentials>,
) -> Result<Vec<Found>> {
    if term.contains("://") {
        return Err(ImageError::Malformed(format!("invalid repository name ({term}): write it without a scheme")));
    }
    match term.split_once('/') {
        Some((host, word)) if host.contains(['.', ':']) || host == "localhost" => {
            if origin::authority(host) == origin::authority(origin::DOCKER_IO) {
                return hub(client, word, limit).await;
            }
            let found = catalog(client, host, word, limit, credentials).await?;
            Ok(found.into_iter().map(|name| Found { name: format!("{host}/{name}"), ..Found::default() }).collect())
        }
        _ => hub(client, term, limit).await,
    }
}

async fn hub(client: &Arc<Client>, term: &str, limit: usize) -> Result<Vec<Found>> {
    let mut url: Url = HUB.parse().map_err(|e| ImageError::Internal(format!("{HUB}: {e}")))?;
    let term = term.strip_prefix("library/").unwrap_or(term);
    url.query_pairs_mut().append_pair("q", term).append_pair("n", &limit.to_string());
    let response = client.send(&url, |request| request, Method::GET).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(ImageError::Registry(format!("the search of docker.io answered {status}; try again later")));
    }
    let answer: HubAnswer = serde_json::from_slice(&body(response, &url, ANSWER_MAX).await?)
        .map_err(|e| ImageError::Registry(format!("the search of docker.io answered with {e}")))?;
    Ok(answer.results.into_iter().take(limit).collect())
}

async fn catalog(
    client: &Arc<Client>,
    host: &str,
    word: &str,
    limit: usize,
    credentials: Option<&Credentials>,
) -> Result<Vec<String>> {
    url_of("https", host)?;
    let base = reach(client, host).await?;
    let link = Link::new(client.clone(), base, vec!["registry:catalog:*".into()], credentials);
    let mut url = link.url(&format!("_catalog?n={PAGE}"))?;
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let response = link.read(&url, Ask::default()).await?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(ImageError::Unauthorized(format!(
                    "unauthorized: authentication required: {host} may require 'docker login'"
                )));
            }
            status => {
                return Err(ImageError::Registry(format!(
                    "the registry {host} does not list its repositories: it answered {status}"
                )));
            }
        }
        let next = response.headers().get(LINK).and_then(|value| next_page(&url, value.to_str().ok()?));
        let page: Catalog = serde_json::from_slice(&body(response, &url, ANSWER_MAX).await?)
            .map_err(|e| failure::nonsense(&url, &e))?;
        found.extend(page.repositories.into_iter().filter(|name| name.contains(word)));
        match next {
            Some(next) if found.len() < limit => url = next,
            _ => break,
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Where a `Link: <...>; rel="next"` leads, on the same host (RFC 8288).
fn next_page(url: &Url, header: &str) -> Option<Url> {
    let (target, parameters) = header.strip_prefix('<')?.split_once('>')?;
    let next = url.join(target).ok()?;
    (parameters.contains("rel=\"next\"") && origin::same(url, &next)).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_on_the_same_host() {
        let url: Url = "https://r.test/v2/_catalog?n=2".parse().unwrap();
        let next = |header| next_page(&url, header).map(|url| url.to_string());
        assert_eq!(next("</v2/_catalog?last=b&n=2>; rel=\"next\"").unwrap(), "https://r.test/v2/_catalog?last=b&n=2");
        for other in ["<https://evil.test/>; rel=\"next\"", "</x>; rel=\"prev\"", "nonsense", ""] {
            assert_eq!(next(other), None, "{other}");
        }
    }
}
