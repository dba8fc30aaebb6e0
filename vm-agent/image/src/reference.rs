//! Image names: what people write, what docker shows, what a registry is asked.
//!
//! The grammar is that of `github.com/distribution/reference`: `[domain/]path[:tag][@digest]`, where the domain
//! defaults to `docker.io` and a one-word path there to `library/`.

use crate::{Digest, InvalidDigest};
use std::{fmt, str::FromStr};

/// Docker's registry in names.
const DEFAULT_DOMAIN: &str = "docker.io";
/// Its older spelling.
const LEGACY_DOMAIN: &str = "index.docker.io";
/// Where docker's curated images live.
const OFFICIAL_PREFIX: &str = "library/";
/// The tag meant when none is given.
const DEFAULT_TAG: &str = "latest";
/// Longest name without tag and digest, bytes.
const NAME_MAX: usize = 255;
/// Longest tag, bytes.
const TAG_MAX: usize = 128;

/// A normalised image name: domain and path always, tag and digest when given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Text that is no image name, in docker's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Against the grammar.
    #[error("invalid reference format")]
    Format,
    /// Nothing at all.
    #[error("repository name must have at least one component")]
    Empty,
    /// Capital letters in the path.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// Over 255 bytes.
    #[error("repository name must not be more than {NAME_MAX} characters")]
    TooLong,
    /// It would be taken for an id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// The part behind `@`.
    #[error("invalid reference format: {0}")]
    Digest(#[from] InvalidDigest),
}

impl Reference {
    /// The registry's host and port as named, `docker.io` when none was.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, when there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when there is one.
    #[must_use]
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Domain and path.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// With the tag `latest` unless it has a tag or a digest.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository with this digest and no tag.
    #[must_use]
    pub fn at_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository with this tag and no digest.
    ///
    /// # Errors
    /// [`InvalidReference::Format`] when the tag is none.
    pub fn at_tag(&self, tag: &str) -> Result<Self, InvalidReference> {
        is_tag(tag)
            .then(|| Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
            .ok_or(InvalidReference::Format)
    }

    /// Domain and path as docker shows them: without `docker.io` and `library/`, unless it would mean another then.
    #[must_use]
    pub fn familiar_repository(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.repository();
        }
        let short = match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(name) if !name.contains('/') => name,
            _ => &self.path,
        };
        if split_domain(short) == (DEFAULT_DOMAIN, short) { short.to_owned() } else { self.repository() }
    }

    /// The whole name as docker shows it.
    #[must_use]
    pub fn familiar(&self) -> String {
        self.finish(self.familiar_repository())
    }

    fn finish(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(&digest.to_string());
        }
        name
    }
}

impl fmt::Display for Reference {
    /// The canonical form, with domain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finish(self.repository()))
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        if Digest::from_hex(text).is_some() {
            return Err(InvalidReference::LooksLikeId(text.to_owned()));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let (domain, rest) = split_domain(name);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(InvalidReference::Uppercase(path.to_owned()));
        }
        let path = if domain == DEFAULT_DOMAIN && !path.contains('/') {
            format!("{OFFICIAL_PREFIX}{path}")
        } else {
            path.to_owned()
        };
        if !is_domain(domain) || !path.split('/').all(is_path_component) || !tag.is_none_or(is_tag) {
            return Err(InvalidReference::Format);
        }
        if domain.len() + 1 + path.len() > NAME_MAX {
            return Err(InvalidReference::TooLong);
        }
        let digest = digest.map(str::parse).transpose()?;
        Ok(Self { domain: domain.to_owned(), path, tag: tag.map(str::to_owned), digest })
    }
}

/// The first part is a domain when it cannot be a path component: a dot, a port, `localhost` or a capital letter.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((LEGACY_DOMAIN, rest)) => (DEFAULT_DOMAIN, rest),
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DEFAULT_DOMAIN, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => {
            let Some((address, rest)) = rest.split_once(']') else { return false };
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').unwrap_or("")) };
            return address.parse::<std::net::Ipv6Addr>().is_ok() && port.is_none_or(is_port);
        }
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Lower-case words joined by one dot, one or two underscores, or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
    let bytes = component.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    alphanumeric(first)
        && alphanumeric(last)
        && bytes
            .split(|&b| alphanumeric(b))
            .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=TAG_MAX).contains(&tag.len())
        && tag.bytes().enumerate().all(|(at, b)| word(b) || (at > 0 && matches!(b, b'.' | b'-')))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
