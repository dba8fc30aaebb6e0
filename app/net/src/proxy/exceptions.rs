//! What is reached without the proxy: addresses, networks and names, each of any port or of one, as other programs read
//! `NO_PROXY`.

use super::ProxyError;
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Everything,
    Network(IpAddr, u8),
    /// A name and what is below it, or only that.
    Name {
        name: String,
        only_below: bool,
    },
}

impl Exceptions {
    /// Of a text with commas in between.
    pub(super) fn read(text: &str) -> Result<Self, ProxyError> {
        let each = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        each.map(Exception::read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `target` is one, which was found by `name` where it is known.
    pub(super) fn hold(&self, target: SocketAddr, name: Option<&str>) -> bool {
        self.0.iter().any(|exception| exception.holds(target, name))
    }
}

impl Exception {
    fn read(text: &str) -> Result<Self, ProxyError> {
        let wrong = || ProxyError::Exception(text.into());
        if text == "*" {
            return Ok(Self { what: What::Everything, port: None });
        }
        if let Some((network, prefix)) = network(text) {
            return Ok(Self { what: What::Network(network, prefix), port: None });
        }
        // What is in brackets has colons of its own.
        let (host, port) = match text.rsplit_once(':').filter(|_| !text.ends_with(']')) {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?)),
            None => (text, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self { what: What::Network(address, longest(address)), port });
        }
        let below = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let name = below.strip_prefix('.').unwrap_or(below);
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(letters) {
            return Err(wrong());
        }
        Ok(Self { what: What::Name { name: name.to_ascii_lowercase(), only_below: below != name }, port })
    }

    fn holds(&self, target: SocketAddr, found_by: Option<&str>) -> bool {
        let meant = match &self.what {
            What::Everything => true,
            What::Network(network, prefix) => is_in(*network, *prefix, target.ip()),
            What::Name { name, only_below } => found_by.is_some_and(|found_by| {
                let found_by = found_by.to_ascii_lowercase();
                let below = found_by.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                below || !only_below && found_by == *name
            }),
        };
        meant && self.port.is_none_or(|port| port == target.port())
    }
}

fn longest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().ok()?;
    let prefix = prefix.map_or(Some(longest(address)), |prefix| prefix.parse().ok())?;
    (prefix <= longest(address)).then_some((address, prefix))
}

fn is_in(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    let (ours, theirs, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let beyond = width - u32::from(prefix);
    (ours ^ theirs).checked_shr(beyond).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(exceptions: &str, target: &str, name: &str) -> bool {
        let name = Some(name).filter(|name| !name.is_empty());
        Exceptions::read(exceptions).unwrap().hold(target.parse().unwrap(), name)
    }

    #[test]
    fn addresses_networks_and_names_are_exceptions_of_any_port_or_of_one() {
        for (exceptions, target, name) in [
            ("10.1.2.3", "10.1.2.3:443", ""),
            ("10.0.0.0/8", "10.1.2.3:443", "build.corp"),
            ("10.1.2.3:443", "10.1.2.3:443", ""),
            ("fd00::1", "[fd00::1]:80", ""),
            ("fd00::/8", "[fd00::1]:80", ""),
            ("[fd00::1]:80", "[fd00::1]:80", ""),
            ("[fd00::1]", "[fd00::1]:80", ""),
            ("corp", "10.1.2.3:443", "build.corp"),
            ("Build.Corp", "10.1.2.3:443", "build.corp"),
            (".corp", "10.1.2.3:443", "Build.corp"),
            ("*.corp:443", "10.1.2.3:443", "build.corp"),
            ("a, ,*", "1.2.3.4:5", ""),
        ] {
            assert!(holds(exceptions, target, name), "{exceptions} for {target} {name}");
        }
        for (exceptions, target, name) in [
            ("", "10.1.2.3:443", "build.corp"),
            ("10.1.2.3:80", "10.1.2.3:443", ""),
            ("10.0.0.0/8", "11.1.2.3:443", ""),
            ("10.1.2.3", "[fd00::1]:443", ""),
            ("[fd00::1]:80", "[fd00::1]:443", ""),
            (".build.corp", "10.1.2.3:443", "build.corp"),
            ("uild.corp", "10.1.2.3:443", "build.corp"),
            ("build.corp", "10.1.2.3:443", ""),
            ("corp:80", "10.1.2.3:443", "build.corp"),
        ] {
            assert!(!holds(exceptions, target, name), "{exceptions} for {target} {name}");
        }
    }

    #[test]
    fn what_is_no_exception_is_refused() {
        for text in
            ["10.0.0.0/33", "10.0.0.0/8:80", "corp:0", "corp:http", "co rp", "..corp", "https://corp", "a/b", ":80"]
        {
            let said = Exceptions::read(text).unwrap_err().to_string();
            assert!(said.contains(text), "{said}");
        }
    }
}
