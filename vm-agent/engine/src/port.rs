//! A port of a container, written `80/tcp`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A port and what it carries. Its text form is docker's: `80/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContainerPort {
    /// The number, never 0.
    pub number: u16,
    /// What it carries.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A byte stream.
    Tcp,
    /// Datagrams.
    Udp,
    /// Streams of messages.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl FromStr for Protocol {
    type Err = PortParseError;

    fn from_str(text: &str) -> Result<Self, PortParseError> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(PortParseError(text.to_owned())),
        }
    }
}

/// The text names no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid port specification: \"{0}\"")]
pub struct PortParseError(pub String);

impl fmt::Display for ContainerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

impl FromStr for ContainerPort {
    type Err = PortParseError;

    fn from_str(text: &str) -> Result<Self, PortParseError> {
        let bad = || PortParseError(text.to_owned());
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let number = number.parse().ok().filter(|n| *n != 0).ok_or_else(bad)?;
        let protocol = protocol.parse().map_err(|_| bad())?;
        Ok(Self { number, protocol })
    }
}

impl From<ContainerPort> for String {
    fn from(port: ContainerPort) -> Self {
        port.to_string()
    }
}

impl TryFrom<String> for ContainerPort {
    type Error = PortParseError;

    fn try_from(text: String) -> Result<Self, PortParseError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_dockers() {
        let port: ContainerPort = "80".parse().unwrap();
        assert_eq!(port.to_string(), "80/tcp");
        assert_eq!("53/UDP".parse::<ContainerPort>().unwrap().to_string(), "53/udp");
        for bad in ["", "0", "70000", "80/icmp", "80-90/tcp"] {
            assert!(bad.parse::<ContainerPort>().is_err(), "{bad}");
        }
    }
}
