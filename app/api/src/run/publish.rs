//! `-p`: `[[host-ip:][host-port]:]container-port[/protocol]`, ranges included; texts as docker's.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PublishSpec {
    /// The address to listen on; `None` means this host's loopback, both families.
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub host_ip: Option<IpAddr>,
    /// The port on the host; `None` asks for any free one.
    pub host_port: Option<u16>,
    /// With `host_port`, the ends of a range of which any free one will do.
    #[serde(default)]
    pub host_port_last: Option<u16>,
    /// The port in the container.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// Parses one `-p` argument; a range gives one specification per port.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn parse(text: &str) -> Result<Vec<PublishSpec>, Error> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(Error::Invalid(format!("invalid proto: {protocol}")));
    }
    let (rest, container) = ports.rsplit_once(':').map_or((None, ports), |(rest, container)| (Some(rest), container));
    if container.is_empty() {
        return Err(Error::Invalid(format!("no port specified: {ports}<empty>")));
    }
    let (host_ip, host) = match rest {
        None => (None, ""),
        Some(rest) => split_host(rest)?,
    };
    let inside = range(container).ok_or_else(|| Error::Invalid(format!("invalid containerPort: {container}")))?;
    let outside = match host {
        "" => None,
        host => Some(host_range(host).ok_or_else(|| Error::Invalid(format!("invalid hostPort: {host}")))?),
    };
    let spec = |host_port, host_port_last, container_port| PublishSpec {
        host_ip,
        host_port,
        host_port_last,
        container_port,
        protocol: protocol.clone(),
    };
    match outside {
        None => Ok(inside.map(|port| spec(None, None, port)).collect()),
        // Docker's rule: any free one of a range, for a single port of the container.
        Some(outside) if inside.len() == 1 && outside.len() > 1 && *outside.start() != 0 => {
            Ok(vec![spec(Some(*outside.start()), Some(*outside.end()), *inside.start())])
        }
        Some(outside) if outside.len() != inside.len() => Err(Error::Invalid(format!(
            "invalid ranges specified for container and host Ports: {container} and {host}"
        ))),
        Some(outside) => Ok(inside
            .zip(outside)
            .map(|(inside, outside)| spec(Some(outside).filter(|p| *p != 0), None, inside))
            .collect()),
    }
}

/// Parses one `--expose` argument, `80`, `80-82` or either with a protocol, into docker's keys such as `80/tcp`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn exposed(text: &str) -> Result<Vec<String>, Error> {
    if text.contains(':') {
        return Err(Error::Invalid(format!("invalid port format for --expose: {text}")));
    }
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let ports = range(ports).ok_or_else(|| {
        Error::Invalid(format!("invalid range format for --expose: {text}, error: invalid port number"))
    })?;
    Ok(ports.map(|port| format!("{port}/{protocol}")).collect())
}

/// What stands before the container's port: `port`, `ip:port`, `[ip]:port`, `ip:`.
fn split_host(rest: &str) -> Result<(Option<IpAddr>, &str), Error> {
    let bad = |ip: &str| Error::Invalid(format!("invalid IP address: {ip}"));
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (ip, port) = bracketed
            .split_once("]:")
            .or_else(|| bracketed.strip_suffix(']').map(|ip| (ip, "")))
            .ok_or_else(|| bad(rest))?;
        return Ok((Some(ip.parse().map_err(|_| bad(ip))?), port));
    }
    let (ip, port) = match rest.rsplit_once(':') {
        Some((ip, port)) => (ip, port),
        // docker's `127.0.0.1:80` is an error (host port "127.0.0.1"), so a lone part is a port.
        None => return Ok((None, rest)),
    };
    if ip.is_empty() { Ok((None, port)) } else { Ok((Some(ip.parse().map_err(|_| bad(ip))?), port)) }
}

/// `80` or `80-82`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    host_range(text).filter(|range| *range.start() != 0)
}

/// The same with port 0, which asks for any.
fn host_range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range: std::ops::RangeInclusive<u16> = port(first)?..=port(last)?;
    (!range.is_empty()).then_some(range)
}

impl PublishSpec {
    /// The port on the host, or the range, as docker writes it.
    pub(super) fn host_ports(&self) -> Option<String> {
        let port = self.host_port?;
        Some(self.host_port_last.map_or_else(|| port.to_string(), |last| format!("{port}-{last}")))
    }
}

impl std::fmt::Display for PublishSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host_ip {
            Some(IpAddr::V4(ip)) => write!(f, "{ip}:")?,
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            None => {}
        }
        match self.host_ports() {
            Some(ports) => write!(f, "{ports}:")?,
            None if self.host_ip.is_some() => f.write_str(":")?,
            None => {}
        }
        write!(f, "{}", self.container_port)?;
        if self.protocol == "tcp" { Ok(()) } else { write!(f, "/{}", self.protocol) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exposed_ports_are_keys() {
        assert_eq!(exposed("80").unwrap(), ["80/tcp"]);
        assert_eq!(exposed("5000-5001/udp").unwrap(), ["5000/udp", "5001/udp"]);
        assert_eq!(exposed("1:2").unwrap_err().to_string(), "invalid port format for --expose: 1:2");
        assert!(exposed("http").is_err() && exposed("0").is_err());
    }

    fn one(text: &str) -> PublishSpec {
        let mut all = parse(text).unwrap();
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    fn spec(ip: Option<&str>, host: Option<u16>, container: u16) -> PublishSpec {
        PublishSpec {
            host_ip: ip.map(|ip| ip.parse().unwrap()),
            host_port: host,
            host_port_last: None,
            container_port: container,
            protocol: "tcp".into(),
        }
    }

    #[test]
    fn every_form_of_docker_is_read() {
        assert_eq!(one("80"), spec(None, None, 80));
        assert_eq!(one("8080:80"), spec(None, Some(8080), 80));
        assert_eq!(one("0:80"), spec(None, None, 80));
        assert_eq!(one(":80"), spec(None, None, 80));
        assert_eq!(one("127.0.0.1:8080:80"), spec(Some("127.0.0.1"), Some(8080), 80));
        assert_eq!(one("127.0.0.1::80"), spec(Some("127.0.0.1"), None, 80));
        assert_eq!(one("[::1]:8080:80"), spec(Some("::1"), Some(8080), 80));
        assert_eq!(one("::1:8080:80"), spec(Some("::1"), Some(8080), 80));
        assert_eq!(one("53:53/UDP").protocol, "udp");
    }

    #[test]
    fn ranges_pair_up() {
        let all = parse("8000-8001:80-81").unwrap();
        assert_eq!(all, [spec(None, Some(8000), 80), spec(None, Some(8001), 81)]);
        assert_eq!(parse("80-82").unwrap().len(), 3);
        let any = PublishSpec { host_port_last: Some(8010), ..spec(None, Some(8000), 80) };
        assert_eq!(any.to_string(), "8000-8010:80");
        assert_eq!(parse("8000-8010:80").unwrap(), [any]);
    }

    #[test]
    fn nonsense_is_refused_in_dockers_words() {
        for (text, message) in [
            ("", "no port specified: <empty>"),
            ("8080:", "no port specified: 8080:<empty>"),
            ("x", "invalid containerPort: x"),
            ("0", "invalid containerPort: 0"),
            ("70000:80", "invalid hostPort: 70000"),
            ("+1:80", "invalid hostPort: +1"),
            ("81-80", "invalid containerPort: 81-80"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("80/icmp", "invalid proto: icmp"),
            ("8000-8002:80-81", "invalid ranges specified for container and host Ports: 80-81 and 8000-8002"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(ip: Option<IpAddr>, host in prop::option::of(1u16..), more: u8, container in 1u16..) {
            let more = u16::from(more);
            let written = PublishSpec {
                host_ip: ip,
                host_port: host,
                host_port_last: host.and_then(|port| port.checked_add(more)).filter(|_| more > 0),
                container_port: container,
                protocol: "tcp".into(),
            };
            prop_assert_eq!(parse(&written.to_string()).unwrap(), vec![written]);
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,40}") {
            if let Ok(all) = parse(&text) {
                prop_assert!(all.iter().all(|spec| spec.container_port != 0));
            }
        }
    }
}
