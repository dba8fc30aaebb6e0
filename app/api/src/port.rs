//! Published ports as berthd reports them under `/berth/v1/ports`.

use serde::{Deserialize, Serialize};

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PublishedPort {
    /// Full id of the container.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Addresses on the host where berthd listens now, such as `127.0.0.1` and `::1`.
    pub host_ips: Vec<String>,
    /// The port on the host; 0 while any free one is waited for.
    pub host_port: u16,
    /// The port in the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Where a browser finds it; empty for UDP.
    pub url: String,
    /// How it is.
    pub health: PortHealth,
    /// Why it does not listen everywhere, one sentence.
    pub error: Option<String>,
    /// The address that was given when it was published.
    pub given_ip: Option<String>,
    /// Whether it is open to others than this computer.
    pub shared: bool,
}

/// How a published port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum PortHealth {
    /// berthd listens.
    Listening,
    /// Another program has it; berthd takes it once it is free.
    Held,
    /// This computer does not have the address now; berthd listens once it has.
    AddressAbsent,
    /// The system does not give it.
    Refused,
}

/// Who has a port of this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum PortUse {
    /// Nobody.
    Free,
    /// A container that has published it.
    Container {
        /// Its name.
        name: String,
    },
    /// Another program.
    Program,
}

/// `POST /berth/v1/ports/share`: who may reach ports that were published without an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct SharePorts {
    /// Such as `8080/tcp`; every port without it.
    pub port: Option<String>,
    /// Everyone in the network, or this computer only.
    pub on: bool,
}

impl std::fmt::Display for PortHealth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Listening => "listening",
            Self::Held => "held by another program",
            Self::AddressAbsent => "waiting for its address",
            Self::Refused => "refused",
        })
    }
}
