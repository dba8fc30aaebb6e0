//! Who is asked: a registry's address, and what of it may be trusted with what.

use reqwest::{Url, header::HeaderValue};
use std::net::IpAddr;

/// Docker's registry in names.
pub(super) const DOCKER_IO: &str = "docker.io";
/// Its name in docker's files.
const DOCKER_INDEX: &str = "index.docker.io";
/// Where docker.io's registry really answers.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// Host and port of the registry that a reference's domain means.
pub(super) fn authority(domain: &str) -> &str {
    if matches!(domain, DOCKER_IO | DOCKER_INDEX) { DOCKER_HUB } else { domain }
}

/// Whether a host is the user's own machine: there plain HTTP is allowed and certificates are not checked, as docker
/// does it, since nothing leaves the machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => address(host).is_some_and(|ip| ip.is_loopback()),
        None => false,
    }
}

/// A host that is an address.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Whether both have the same scheme, host and port.
pub(super) fn same(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

/// Whether a token service named by a registry may be given the registry's credentials: over TLS (or beside a loopback
/// registry, or on the host of one that the user calls `insecure`), on the same host or under the same domain, never at
/// a bare address elsewhere (CVE-2020-15157).
pub(super) fn may_get_credentials(registry: &Url, realm: &Url, insecure: bool) -> bool {
    let (Some(host), Some(realm_host)) = (registry.host_str(), realm.host_str()) else { return false };
    if is_loopback(registry) {
        return is_loopback(realm);
    }
    if insecure && host == realm_host {
        return true;
    }
    if realm.scheme() != "https" || registry.scheme() != "https" || is_loopback(realm) {
        return false;
    }
    if host == realm_host {
        return true;
    }
    if address(host).is_some() || address(realm_host).is_some() {
        return false;
    }
    let domain = organisation(host);
    domain.is_some() && domain == organisation(realm_host)
}

/// The part of a host name that its owner registered: the last two labels, or three below a country's second level
/// such as `co.kr`.
fn organisation(host: &str) -> Option<&str> {
    const SECOND_LEVEL: [&str; 14] =
        ["ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "mil", "ne", "net", "or", "org", "re"];
    let labels: Vec<&str> = host.split('.').collect();
    let country = labels.last().is_some_and(|last| last.len() == 2);
    let below = labels.len() >= 2 && SECOND_LEVEL.contains(&labels[labels.len() - 2]);
    let len = if country && below { 3 } else { 2 };
    let skipped = labels.len().checked_sub(len)?;
    let start: usize = labels[..skipped].iter().map(|label| label.len() + 1).sum();
    Some(&host[start..])
}

/// Whether a redirect may be followed: never from TLS to plain text, never from elsewhere to the user's own machine.
pub(super) fn may_redirect(from: &Url, to: &Url) -> bool {
    let plain = matches!((from.scheme(), to.scheme()), ("https", "https") | ("http", "http" | "https"));
    plain && (is_loopback(from) || !is_inner(to))
}

fn is_inner(url: &Url) -> bool {
    is_loopback(url)
        || url.host_str().and_then(address).is_some_and(|ip| match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified(),
            IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified(),
        })
}

/// The URL to dial and the `Host` to send: the user's loopback is at `host_address` from here.
pub(super) fn on_the_wire(url: &Url, host_address: Option<IpAddr>) -> (Url, Option<HeaderValue>) {
    let mut wire = url.clone();
    match host_address {
        Some(ip) if is_loopback(url) && wire.set_ip_host(ip).is_ok() => {
            (wire, HeaderValue::from_str(&host_and_port(url)).ok())
        }
        _ => (wire, None),
    }
}

/// Host and port as an address bar shows them.
pub(super) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_users_loopback_is_known_in_every_spelling() {
        for text in [
            "http://localhost:5000",
            "http://127.0.0.1",
            "http://127.9.9.9:1",
            "http://[::1]:5",
            "http://127.1",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(&url(text)), "{text}");
        }
        for text in ["https://localhost.example.com", "https://10.0.0.1", "https://docker.io"] {
            assert!(!is_loopback(&url(text)), "{text}");
        }
    }

    #[test]
    fn loopback_is_dialled_elsewhere_under_its_own_name() {
        let (wire, host) = on_the_wire(&url("http://localhost:5000/v2/"), Some([10, 0, 2, 2].into()));
        assert_eq!((wire.as_str(), host.unwrap().to_str().unwrap()), ("http://10.0.2.2:5000/v2/", "localhost:5000"));
        let (wire, host) = on_the_wire(&url("https://ghcr.io/v2/"), Some([10, 0, 2, 2].into()));
        assert_eq!((wire.as_str(), host), ("https://ghcr.io/v2/", None));
    }

    #[test]
    fn credentials_stay_with_their_registry() {
        let given = |registry: &str, realm: &str| may_get_credentials(&url(registry), &url(realm), false);
        for (registry, realm) in [
            ("https://registry-1.docker.io", "https://auth.docker.io/token"),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("https://ghcr.io", "https://ghcr.io/token"),
            ("https://registry.shop.co.kr", "https://auth.shop.co.kr/token"),
            ("http://localhost:5000", "http://localhost:5001/token"),
            ("https://10.1.1.1:5000", "https://10.1.1.1/token"),
        ] {
            assert!(given(registry, realm), "{registry} {realm}");
        }
        for (registry, realm) in [
            ("https://ghcr.io", "https://evil.io/token"),
            ("https://shop.co.kr", "https://evil.co.kr/token"),
            ("https://ghcr.io", "http://ghcr.io/token"),
            ("https://ghcr.io", "https://127.0.0.1/token"),
            ("https://ghcr.io", "https://10.0.0.1/token"),
            ("https://ghcr.io", "https://169.254.169.254/token"),
            ("https://ghcr.io", "http://localhost/token"),
            ("http://localhost:5000", "https://ghcr.io/token"),
            ("https://10.1.1.1", "https://10.1.1.2/token"),
        ] {
            assert!(!given(registry, realm), "{registry} {realm}");
        }
        let insecure = |realm: &str| may_get_credentials(&url("http://10.1.1.1:5000"), &url(realm), true);
        assert!(insecure("http://10.1.1.1:5001/token"));
        assert!(!insecure("http://10.1.1.2/token") && !insecure("https://10.1.1.2/token"));
    }

    #[test]
    fn redirects_neither_lose_tls_nor_come_home() {
        let followed = |from: &str, to: &str| may_redirect(&url(from), &url(to));
        assert!(followed("https://ghcr.io/v2/", "https://cdn.example.com/x"));
        assert!(followed("http://localhost:5000", "http://localhost:9000/x"));
        assert!(!followed("https://ghcr.io", "http://ghcr.io"));
        assert!(!followed("https://ghcr.io", "https://localhost/x"));
        assert!(!followed("https://ghcr.io", "https://169.254.169.254/latest"));
        assert!(!followed("https://ghcr.io", "ftp://ghcr.io"));
    }
}
