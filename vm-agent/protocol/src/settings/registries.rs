//! How registries are reached: mirrors, those that need no TLS, proxies, and certificates of single registries.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// `proxies` of `daemon.json`. Its `Debug` shows nothing, since an address may hold a password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProxySettings {
    /// For requests over plain HTTP: `http://proxy.example.com:3128`; none when it is empty.
    pub http_proxy: String,
    /// For requests over TLS.
    pub https_proxy: String,
    /// Hosts, domains, addresses and CIDRs that are reached without, separated by commas; `*` is all.
    pub no_proxy: String,
}

/// What a folder `certs.d/HOST[:PORT]` holds, in PEM form. Its `Debug` shows nothing, since there are keys.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCertificates {
    /// Authorities that are trusted for this registry besides the usual ones.
    pub authorities: Vec<String>,
    /// What this side shows to the registry, when it does.
    pub client: Option<ClientCertificate>,
}

/// A certificate and its key, in PEM form.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    pub chain: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxySettings(..)")
    }
}

impl fmt::Debug for RegistryCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistryCertificates(..)")
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

impl ProxySettings {
    /// The addresses, which are none when they are empty.
    ///
    /// # Errors
    /// One clause that repeats no address, since it may hold a password.
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, address) in [("http-proxy", &self.http_proxy), ("https-proxy", &self.https_proxy)] {
            let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
            if !address.is_empty() && host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
                return Err(format!(
                    "{key} is no address of a proxy: write http:// or https://, the host and the port, such as http://proxy.example.com:3128; one that speaks SOCKS5 is for all that goes out, and is set in settings.json"
                ));
            }
        }
        Ok(())
    }

    /// For people: with docker's `xxxxx:xxxxx` where a user and a password stand.
    #[must_use]
    pub fn shown(&self) -> Self {
        Self { http_proxy: masked(&self.http_proxy), https_proxy: masked(&self.https_proxy), ..self.clone() }
    }
}

fn masked(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://xxxxx:xxxxx{}", &rest[at..]),
        None => address.to_owned(),
    }
}

/// A mirror as docker keeps it, with a slash at its end.
///
/// # Errors
/// One clause in docker's words.
pub(super) fn mirror(address: &str) -> Result<String, String> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    if !matches!(scheme, "http" | "https") {
        return Err(format!("invalid mirror: unsupported scheme {scheme:?} in {address:?}"));
    }
    if rest.contains(['?', '#']) {
        return Err(format!("invalid mirror: query or fragment at end of the URI {address:?}"));
    }
    let host = rest.split('/').next().unwrap_or_default();
    if let Some((user, host)) = host.rsplit_once('@') {
        let user = user.split(':').next().unwrap_or_default();
        return Err(format!("invalid mirror: username/password not allowed in URI \"{scheme}://{user}:xxxxx@{host}\""));
    }
    if !is_host_and_port(host) {
        return Err(format!("invalid mirror: {address:?} is not a valid URI"));
    }
    Ok(format!("{}/", address.trim_end_matches('/')))
}

/// A registry without TLS, or a range of their addresses, as docker keeps it.
///
/// # Errors
/// One clause in docker's words.
pub(super) fn insecure(registry: &str) -> Result<String, String> {
    let bare = registry.strip_prefix("http://").or_else(|| registry.strip_prefix("https://")).unwrap_or(registry);
    if bare.contains("://") {
        return Err(format!("insecure registry {registry} should not contain '://'"));
    }
    if Cidr::parse(bare).is_none() && !is_host_and_port(bare) {
        return Err(format!("insecure registry {registry} is not valid: invalid host {bare:?}"));
    }
    Ok(bare.to_owned())
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => return host.parse::<Ipv6Addr>().is_ok(),
        Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() => ("v6", port.strip_prefix(':')),
        Some(_) => return false,
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// `10.0.0.0/8`; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= longest).then_some(Self { address, prefix })
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let same = |own: u128, other: u128, bits: u32| {
            let rest = bits - u32::from(self.prefix);
            own.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
        };
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_docker_keeps_them_and_what_is_none_is_told() {
        assert_eq!(mirror("https://mirror.example.com/path").unwrap(), "https://mirror.example.com/path/");
        assert_eq!(mirror("http://[::1]:5000/").unwrap(), "http://[::1]:5000/");
        for (address, why) in [
            ("mirror.example.com", "invalid mirror: unsupported scheme \"\" in \"mirror.example.com\""),
            ("ftp://m", "invalid mirror: unsupported scheme \"ftp\" in \"ftp://m\""),
            ("https://m/?a", "invalid mirror: query or fragment at end of the URI \"https://m/?a\""),
            ("https://me:canary@m", "invalid mirror: username/password not allowed in URI \"https://me:xxxxx@m\""),
            ("https://", "invalid mirror: \"https://\" is not a valid URI"),
            ("https://m:99999", "invalid mirror: \"https://m:99999\" is not a valid URI"),
        ] {
            assert_eq!(mirror(address).unwrap_err(), why);
        }
        for (given, kept) in [("http://r:5000", "r:5000"), ("10.0.0.0/8", "10.0.0.0/8"), ("[fd00::1]:1", "[fd00::1]:1")]
        {
            assert_eq!(insecure(given).unwrap(), kept);
        }
        assert_eq!(insecure("ftp://r").unwrap_err(), "insecure registry ftp://r should not contain '://'");
        for bad in ["", "r/x", "10.0.0.0/33", "r:port", "[::1", "a b"] {
            assert!(insecure(bad).unwrap_err().contains("is not valid: invalid host"), "{bad}");
        }
    }

    #[test]
    fn ranges_hold_their_addresses() {
        let holds = |range: &str, address: &str| Cidr::parse(range).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.1") && !holds("10.1.0.0/16", "10.2.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fd12::1") && holds("::/0", "fe80::1") && holds("1.2.3.4/32", "1.2.3.4"));
        for bad in ["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert_eq!(Cidr::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_password_of_a_proxy_is_shown() {
        let proxies = ProxySettings {
            http_proxy: "http://me:canary@proxy:1/".into(),
            https_proxy: "https://proxy".into(),
            no_proxy: "a".into(),
        };
        let shown = proxies.shown();
        assert_eq!(
            (shown.http_proxy.as_str(), shown.https_proxy.as_str()),
            ("http://xxxxx:xxxxx@proxy:1/", "https://proxy")
        );
        assert!(!format!("{proxies:?}").contains("canary"));
        let wrong = ProxySettings { https_proxy: "me:canary@proxy".into(), ..proxies };
        let said = wrong.check().unwrap_err();
        assert!(said.starts_with("https-proxy is no address of a proxy") && !said.contains("canary"), "{said}");
    }
}
