//! One line of a container list.

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as Reported, PortSummary, PortSummaryTypeEnum};
use serde::{Deserialize, Serialize};

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ContainerRow {
    /// Full id, 64 hex digits.
    pub id: String,
    /// Name, without docker's leading slash.
    pub name: String,
    /// The image as the user gave it.
    pub image: String,
    /// The command line of its first process.
    pub command: String,
    /// Where it is in its life.
    pub state: ContainerState,
    /// For people: `Up 3 minutes`, `Exited (0) 2 hours ago`.
    pub status: String,
    /// Published and exposed ports; one line per port, not per address.
    pub ports: Vec<PortRow>,
    /// When it was created, seconds since the Unix epoch.
    // `u32` tells TypeScript "number"; 64 bits are refused there.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub created: u64,
    /// Labels, sorted by key.
    pub labels: Vec<(String, String)>,
}

/// Where a container is in its life; docker's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// Never started.
    Created,
    /// Its first process runs.
    Running,
    /// Frozen.
    Paused,
    /// Its restart policy is bringing it back.
    Restarting,
    /// Being removed.
    Removing,
    /// Its first process has ended.
    Exited,
    /// Could not be removed.
    Dead,
}

/// One port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PortRow {
    /// Addresses on the host; empty when the port is only exposed.
    pub host_ips: Vec<String>,
    /// The port on the host; `None` when it is only exposed.
    pub host_port: Option<u16>,
    /// The port in the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Where a browser finds it; `None` unless it is published TCP.
    pub url: Option<String>,
}

impl ContainerState {
    /// Whether it has processes.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

impl std::fmt::Display for ContainerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        })
    }
}

impl From<ContainerSummary> for ContainerRow {
    fn from(summary: ContainerSummary) -> Self {
        let name = summary.names.unwrap_or_default().into_iter().next().unwrap_or_default();
        let mut labels: Vec<_> = summary.labels.unwrap_or_default().into_iter().collect();
        labels.sort();
        Self {
            id: summary.id.unwrap_or_default(),
            name: name.trim_start_matches('/').into(),
            image: summary.image.unwrap_or_default(),
            command: summary.command.unwrap_or_default(),
            state: summary.state.map_or(ContainerState::Created, Into::into),
            status: summary.status.unwrap_or_default(),
            ports: ports(summary.ports.unwrap_or_default()),
            created: summary.created.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default(),
            labels,
        }
    }
}

impl From<Reported> for ContainerState {
    fn from(state: Reported) -> Self {
        match state {
            Reported::EMPTY | Reported::CREATED => Self::Created,
            Reported::RUNNING | Reported::STOPPING => Self::Running,
            Reported::PAUSED => Self::Paused,
            Reported::RESTARTING => Self::Restarting,
            Reported::REMOVING => Self::Removing,
            Reported::EXITED => Self::Exited,
            Reported::DEAD => Self::Dead,
        }
    }
}

/// One row per port: docker reports one line per address family.
fn ports(mut reported: Vec<PortSummary>) -> Vec<PortRow> {
    reported.sort_by(|a, b| (a.private_port, a.public_port, &a.ip).cmp(&(b.private_port, b.public_port, &b.ip)));
    let mut rows: Vec<PortRow> = Vec::new();
    for port in reported {
        let protocol = match port.typ {
            Some(PortSummaryTypeEnum::UDP) => "udp",
            Some(PortSummaryTypeEnum::SCTP) => "sctp",
            _ => "tcp",
        };
        let ip = port.ip.filter(|ip| !ip.is_empty() && port.public_port.is_some());
        match rows.last_mut().filter(|row| {
            row.container_port == port.private_port && row.host_port == port.public_port && row.protocol == protocol
        }) {
            Some(row) => row.host_ips.extend(ip),
            None => rows.push(PortRow {
                host_ips: ip.into_iter().collect(),
                host_port: port.public_port,
                container_port: port.private_port,
                protocol: protocol.into(),
                url: None,
            }),
        }
    }
    for row in &mut rows {
        row.url = row.host_port.filter(|_| row.protocol == "tcp").map(|port| url(&row.host_ips, port));
    }
    rows
}

/// Where a browser on this host finds a port that listens on `ips`.
#[must_use]
pub fn url(ips: &[String], port: u16) -> String {
    let on_loopback = |ip: &String| matches!(ip.as_str(), "127.0.0.1" | "::1" | "0.0.0.0" | "::");
    match ips.first() {
        Some(ip) if !ips.iter().any(on_loopback) => {
            if ip.contains(':') {
                format!("http://[{ip}]:{port}")
            } else {
                format!("http://{ip}:{port}")
            }
        }
        _ => format!("http://localhost:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: Option<&str>, private: u16, public: Option<u16>) -> PortSummary {
        PortSummary {
            ip: ip.map(Into::into),
            private_port: private,
            public_port: public,
            typ: Some(PortSummaryTypeEnum::TCP),
        }
    }

    #[test]
    fn both_address_families_of_a_port_are_one_row_with_one_link() {
        let rows = ports(vec![
            port(Some("::1"), 80, Some(8080)),
            port(None, 443, None),
            port(Some("127.0.0.1"), 80, Some(8080)),
        ]);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].host_ips, ["127.0.0.1", "::1"]);
        assert_eq!(rows[0].url.as_deref(), Some("http://localhost:8080"));
        assert_eq!((rows[1].host_port, rows[1].url.as_deref()), (None, None));
    }

    #[test]
    fn a_port_on_another_address_is_linked_by_that_address() {
        assert_eq!(url(&["192.168.1.5".into()], 80), "http://192.168.1.5:80");
        assert_eq!(url(&["fd00::1".into()], 80), "http://[fd00::1]:80");
    }
}
