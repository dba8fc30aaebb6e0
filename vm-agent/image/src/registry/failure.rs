//! Failures of registries in docker's words, since people search for those.

use super::{Access, names::LookupError};
use crate::{ImageError, Reference};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use std::{error::Error, io};

/// The body of a registry's error (distribution specification, "Error Codes").
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Vec<Item>,
    /// What docker.io's token service says instead.
    #[serde(default)]
    details: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// A request that got no answer: `Get "https://host/v2/": dial tcp ...`.
pub(super) fn transport(url: &Url, error: &(dyn Error + 'static)) -> ImageError {
    ImageError::Registry(format!("Get \"{url}\": {}", reason(url, error)))
}

fn reason(url: &Url, error: &(dyn Error + 'static)) -> String {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = error.to_string();
    while let Some(error) = cause {
        if let Some(lookup) = error.downcast_ref::<LookupError>() {
            return format!("dial tcp: {lookup}");
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return tls_reason(tls);
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            // An I/O error may carry the TLS error that made it.
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                last = inner.to_string();
                continue;
            }
            if let Some(text) = io_reason(io) {
                return match io.kind() {
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => format!("read tcp: {text}"),
                    _ => format!("dial tcp {}: connect: {text}", dialled(url)),
                };
            }
        }
        if let Some(http) = error.downcast_ref::<reqwest::Error>()
            && http.is_timeout()
        {
            return format!("dial tcp {}: i/o timeout; check the network and the registry's address", dialled(url));
        }
        last = error.to_string();
        cause = error.source();
    }
    last
}

fn dialled(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

fn io_reason(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by peer",
        io::ErrorKind::BrokenPipe => "broken pipe",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        io::ErrorKind::TimedOut => "connection timed out",
        _ => return None,
    })
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, Other, UnknownIssuer,
    };
    let why = match error {
        // An authority that stands in a server's place, or a certificate of an old kind.
        rustls::Error::InvalidCertificate(UnknownIssuer | Other(_)) => {
            "x509: certificate signed by unknown authority; put the authority's certificate into certs.d/HOST/ca.crt beside daemon.json"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "x509: certificate has expired or is not yet valid"
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "x509: certificate is valid for another name"
        }
        // Go's words for an answer that is no TLS at all.
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            return "http: server gave HTTP response to HTTPS client; to allow plain HTTP, add the registry to \
                    insecure-registries in daemon.json"
                .into();
        }
        other => return format!("tls: {other}"),
    };
    format!("tls: failed to verify certificate: {why}")
}

/// An answer that makes no sense.
pub(super) fn nonsense(url: &Url, error: &serde_json::Error) -> ImageError {
    ImageError::Registry(format!("Get \"{url}\": the answer cannot be read: {error}"))
}

/// What a token service said that gave no token.
pub(super) fn token(realm: &Url, status: StatusCode, body: &[u8]) -> ImageError {
    let body: Option<Body> = serde_json::from_slice(body).ok();
    let said = body.map(|body| match body.errors.into_iter().next() {
        Some(item) if !item.message.is_empty() => item.message,
        _ => body.details,
    });
    let said = said.filter(|said| !said.is_empty());
    let or = |default: &str| said.clone().unwrap_or_else(|| default.to_owned());
    let host = super::origin::host_and_port(realm);
    match status.as_u16() {
        // The service denies what it does not know; a bad password is the only other reason.
        401 | 403 => ImageError::Unauthorized(format!("unauthorized: {}", or("incorrect username or password"))),
        429 => ImageError::Registry(format!(
            "toomanyrequests: {}; wait a while, or log in for a higher limit",
            or("the rate limit of the token service is reached")
        )),
        _ => ImageError::Registry(format!(
            "the token service {host} answered {status}{}; try again later",
            said.map(|said| format!(": {said}")).unwrap_or_default()
        )),
    }
}

/// A password is wanted and there is none, in docker's words.
pub(super) fn nobody(reference: &Reference) -> ImageError {
    let repository = reference.familiar_repository();
    ImageError::Unauthorized(format!("no basic auth credentials: {repository} may require 'docker login'"))
}

/// An answer that is no success, for a manifest or a blob of `reference`.
pub(super) fn answer(reference: &Reference, access: &Access, status: StatusCode, body: &[u8]) -> ImageError {
    let body: Option<Body> = serde_json::from_slice(body).ok();
    let first = body.and_then(|body| body.errors.into_iter().next());
    let (code, message) = first.map_or_else(Default::default, |item| (item.code, item.message));
    let repository = reference.familiar_repository();
    let said = |default: &str| if message.is_empty() { default.to_owned() } else { message.clone() };
    match (code.as_str(), status.as_u16()) {
        ("NAME_UNKNOWN", _) => ImageError::RepositoryUnknown(repository, said("repository name not known to registry")),
        ("MANIFEST_UNKNOWN", _) | ("", 404) => {
            ImageError::ManifestUnknown(reference.familiar(), said("manifest unknown"))
        }
        ("DENIED", _) | ("", 403) if *access != Access::Pull => {
            ImageError::Unauthorized(format!("denied: {}", said("requested access to the resource is denied")))
        }
        ("DENIED", _) | ("", 403) => {
            ImageError::AccessDenied(repository, said("requested access to the resource is denied"))
        }
        ("UNAUTHORIZED", _) | (_, 401) => ImageError::Unauthorized(format!(
            "unauthorized: {}: {repository} may require 'docker login'",
            said("authentication required")
        )),
        ("TOOMANYREQUESTS", _) | (_, 429) => ImageError::Registry(format!(
            "toomanyrequests: {}; wait a while, or log in for a higher limit",
            said("the registry's rate limit is reached")
        )),
        _ => {
            let reason = status.canonical_reason().unwrap_or_default();
            let detail = if message.is_empty() { String::new() } else { format!(": {message}") };
            ImageError::Registry(format!(
                "{repository}: the registry answered {} {reason}{detail}; try again later",
                status.as_u16()
            ))
        }
    }
}
