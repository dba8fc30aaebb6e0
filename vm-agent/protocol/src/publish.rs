//! How the engine asks the host to publish ports, on [`crate::port::PUBLISH`].
//!
//! The host opens the stream and keeps it; then the roles turn: the engine sends [`Request`] frames, the host answers
//! each with an [`Answer::Reply`] of the same id. The engine's wish is the truth: after each (re)connect it sends
//! [`Ask::Resync`] with every publication that should exist, and the host closes all others. A container's start waits for
//! the reply, so a port that is taken fails the start. What a resync cannot have is not given up: the host goes on trying, and
//! says [`Answer::Moved`] whenever it listens elsewhere than it said last. [`Answer::Routes`] tells what else changed around it.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// A message of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the engine, echoed by the host.
    pub id: u64,
    /// What it asks.
    pub ask: Ask,
}

/// What the engine asks of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Listen for these; all or none.
    Publish(Vec<Publication>),
    /// Close every listener of this container.
    Withdraw {
        /// The container's full id.
        container: String,
    },
    /// These are all; close what is not among them, open what is missing.
    Resync(Vec<Publication>),
}

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Publication {
    /// The container's full id.
    pub container: String,
    /// The container's name, for people.
    pub name: String,
    /// The address the user gave; `None` leaves the choice (loopback, both families) to the host.
    pub host_ip: Option<IpAddr>,
    /// The port the user gave; 0 asks for any free one.
    pub host_port: u16,
    /// The last of the ports the user gave, of which any free one will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port_last: Option<u16>,
    /// Where the container listens, as the guest sees it.
    pub target: SocketAddr,
    /// What is carried.
    pub transport: Transport,
}

/// What a published port carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A byte stream.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Transport {
    /// Its name: `tcp` or `udp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            other => Err(UnknownTransport(other.to_owned())),
        }
    }
}

/// A text that names no transport.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid proto: {0}")]
pub struct UnknownTransport(pub String);

/// A message of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To a request.
    Reply(Reply),
    /// Where the host listens now for some publications: no address while it waits for a port.
    Moved(Vec<Moved>),
    /// The subnets that the host has routes to from now on, such as a VPN's; see
    /// [`crate::boot::BootConfig::host_routes`].
    Routes(Vec<IpNet>),
}

/// A publication, and where the host listens for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// As the engine asked for it, with the port it got.
    pub publication: Publication,
    /// The addresses.
    pub addresses: Vec<SocketAddr>,
}

/// The host's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The id of the request.
    pub id: u64,
    /// How it went.
    pub outcome: Outcome,
}

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Listening; for each publication of the request, in order, the addresses it listens on. After a resync a publication
    /// that waits for its port has none.
    Published(Vec<Vec<SocketAddr>>),
    /// Done.
    Done,
    /// Refused, nothing was changed. The text is docker's, with the holder's name where the system tells.
    Refused {
        /// One sentence for the user.
        why: String,
    },
}
