//! Whether a registry takes someone's credentials.

use super::{Client, Link, client::Trust, client::url_of, origin};
use crate::{Credentials, ErrorKind, ImageError, Result};
use reqwest::{StatusCode, Url};
use std::sync::Arc;

/// Shows the credentials to the registry at `server` (docker.io when it is empty); gives the token that stands for
/// them from now on, where the registry has such.
pub(crate) async fn log_in(client: &Arc<Client>, server: &str, credentials: &Credentials) -> Result<Option<String>> {
    let authority = authority(server)?;
    let tls = url_of("https", &authority)?;
    let mut bases = vec![tls.clone()];
    if client.trust(&tls).await != Trust::Strict {
        bases.push(url_of("http", &authority)?);
    }
    let mut last = ImageError::Malformed(format!("no address of {server}"));
    for base in bases {
        let mut link = Link::new(client.clone(), base, vec![], Some(credentials));
        link.offline = true;
        match attempt(&link).await {
            Ok(()) => return Ok(link.lasting.into_inner()),
            // Who was understood and refused is not asked again without TLS.
            Err(error) if error.kind() == ErrorKind::Unauthorized => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn attempt(link: &Link) -> Result<()> {
    let base = &link.base;
    let response = link.greet().await.map_err(|error| match error {
        ImageError::Unauthorized(why) => ImageError::Unauthorized(format!("Get \"{base}\": {why}")),
        other => other,
    })?;
    let status = response.status();
    let told = format!("login attempt to {base} failed with status: {status}");
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ImageError::Unauthorized(told)),
        _ => Err(ImageError::Registry(told)),
    }
}

/// Host and port of a server as people and configuration files name it: with or without scheme and path.
fn authority(server: &str) -> Result<String> {
    if server.is_empty() {
        return Ok(origin::authority(origin::DOCKER_IO).to_owned());
    }
    let text = if server.contains("://") { server.to_owned() } else { format!("https://{server}") };
    let url = text.parse::<Url>().map_err(|e| ImageError::Malformed(format!("unable to parse server address: {e}")))?;
    if url.host_str().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(ImageError::Malformed(format!("unable to parse server address: {server:?} names no host")));
    }
    Ok(origin::authority(&origin::host_and_port(&url)).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_however_it_is_written() {
        for (server, expected) in [
            ("", "registry-1.docker.io"),
            ("https://index.docker.io/v1/", "registry-1.docker.io"),
            ("docker.io", "registry-1.docker.io"),
            ("localhost:5000", "localhost:5000"),
            ("http://r.example:81/v2/", "r.example:81"),
            ("https://r.example:443", "r.example"),
        ] {
            assert_eq!(authority(server).unwrap(), expected, "{server}");
        }
        for bad in ["http://", "ftp://r", "a b"] {
            let said = authority(bad).unwrap_err().to_string();
            assert!(said.starts_with("unable to parse server address: "), "{said}");
        }
    }
}
