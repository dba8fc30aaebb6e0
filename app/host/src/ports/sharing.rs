//! Which ports are open to everyone around this host: a rule for all, and what the user said of single ones.

use berth_protocol::publish::{Publication, Transport};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The user's word on sharing. It holds for ports that are published without an address; one that was given is honoured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// What holds for ports of which nothing was said.
    pub all: bool,
    /// What was said of single ports.
    pub ports: BTreeMap<HostPort, bool>,
}

/// A port of this host, written `8080/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostPort {
    /// Its number, never 0.
    pub number: u16,
    /// What it carries.
    pub transport: Transport,
}

/// A text that names no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no port; write 8080, 8080/tcp or 53/udp")]
pub struct NoHostPort(String);

impl Sharing {
    /// Whether a publication is to be shared; no port has been chosen yet where it is 0.
    pub(super) fn of(&self, wanted: &Publication) -> bool {
        let key = HostPort { number: wanted.host_port, transport: wanted.transport };
        wanted.host_ip.is_none() && self.ports.get(&key).copied().unwrap_or(self.all)
    }

    /// The same with another word on one port, or on all. What was said of single ports ends with a word on all.
    #[must_use]
    pub fn with(&self, port: Option<HostPort>, on: bool) -> Self {
        let Some(port) = port else { return Self { all: on, ports: BTreeMap::new() } };
        let mut changed = self.clone();
        if on == self.all {
            changed.ports.remove(&port);
        } else {
            changed.ports.insert(port, on);
        }
        changed
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.transport)
    }
}

impl FromStr for HostPort {
    type Err = NoHostPort;

    fn from_str(text: &str) -> Result<Self, NoHostPort> {
        let bad = || NoHostPort(text.to_owned());
        let (number, transport) = text.split_once('/').unwrap_or((text, "tcp"));
        let number = number.parse().ok().filter(|number| *number != 0).ok_or_else(bad)?;
        Ok(Self { number, transport: transport.to_ascii_lowercase().parse().map_err(|_| bad())? })
    }
}

impl From<HostPort> for String {
    fn from(port: HostPort) -> Self {
        port.to_string()
    }
}

impl TryFrom<String> for HostPort {
    type Error = NoHostPort;

    fn try_from(text: String) -> Result<Self, NoHostPort> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_on_one_port_goes_before_the_word_on_all_and_ends_with_it() {
        let port: HostPort = "8080".parse().unwrap();
        let one = Sharing::default().with(Some(port), true);
        assert_eq!(one.ports, [(port, true)].into());
        assert_eq!(one.with(Some(port), false), Sharing::default());
        assert_eq!(one.with(None, true), Sharing { all: true, ports: BTreeMap::new() });
    }

    #[test]
    fn ports_are_written_as_docker_writes_them() {
        assert_eq!("53/UDP".parse::<HostPort>().unwrap().to_string(), "53/udp");
        for bad in ["", "0", "web", "80/sctp", "70000", "80-81"] {
            assert!(bad.parse::<HostPort>().unwrap_err().to_string().contains("8080/tcp"), "{bad}");
        }
    }
}
