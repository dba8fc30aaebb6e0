//! Why a port cannot be published, in docker's words, and who holds it.

use super::bind::BindError;
use crate::platform;
use berth_api::PortHealth;
use berth_protocol::publish::{Publication, Transport};
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
};

/// The program that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name as the system lists it.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held by {}, pid {}", self.name, self.pid)
    }
}

/// Why a port cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One of our own containers has it.
    #[error("Bind for {0} failed: port is already allocated")]
    Allocated(SocketAddr),
    /// None of a range is free.
    #[error("Bind for {first}-{last} failed: all ports are allocated")]
    AllAllocated {
        /// Address and first port.
        first: SocketAddr,
        /// Last port.
        last: u16,
    },
    /// The system does not give it.
    #[error("ports are not available: exposing port {upper} {address} -> 127.0.0.1:0: listen {transport} {address}: bind: {why}{}{}",
        held(.holder.as_ref()), what_to_do(.todo.as_ref()), upper = .transport.name().to_uppercase())]
    Unavailable {
        /// What it would carry.
        transport: Transport,
        /// The address.
        address: SocketAddr,
        /// The kind of trouble.
        health: PortHealth,
        /// What the system said, in docker's words.
        why: String,
        /// Who holds it.
        holder: Option<Holder>,
        /// What would help.
        todo: Option<String>,
    },
}

fn held(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" ({holder})")).unwrap_or_default()
}

fn what_to_do(todo: Option<&String>) -> String {
    todo.map(|todo| format!("; {todo}")).unwrap_or_default()
}

impl Refusal {
    /// The refusal for an address that could not be bound. `ours` when one of our listeners is in the way.
    pub(super) fn new(
        wanted: &Publication,
        failed: &BindError,
        ours: bool,
        find_holder: impl FnOnce() -> Option<Holder>,
    ) -> Self {
        let port = failed.address.port();
        // Who gave no address thinks of "localhost", whichever family was refused.
        let shown = SocketAddr::new(wanted.host_ip.unwrap_or(Ipv4Addr::LOCALHOST.into()), port);
        let (health, why) = match failed.source.kind() {
            io::ErrorKind::AddrInUse => (PortHealth::Held, "address already in use".into()),
            io::ErrorKind::PermissionDenied => (PortHealth::Refused, "permission denied".into()),
            _ if failed.is_absent() => (PortHealth::AddressAbsent, "cannot assign requested address".into()),
            _ => (PortHealth::Refused, failed.source.to_string()),
        };
        let holder = if health == PortHealth::Held && !ours { find_holder() } else { None };
        // Two publications of one request: the first of them holds it.
        if ours && health == PortHealth::Held || holder.as_ref().is_some_and(|holder| holder.pid == std::process::id())
        {
            return Self::Allocated(shown);
        }
        let low = failed.source.kind() == io::ErrorKind::PermissionDenied && (1..1024).contains(&port);
        let todo = low.then(|| {
            format!(
                "publish a port from 1024 on, such as -p {}:{}{}",
                8000 + port,
                wanted.target.port(),
                platform::low_ports(port)
            )
        });
        Self::Unavailable { transport: wanted.transport, address: shown, health, why, holder, todo }
    }

    /// Why, without docker's words around it.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Allocated(_) => "port is already allocated".into(),
            Self::AllAllocated { .. } => "all ports are allocated".into(),
            Self::Unavailable { why, holder, todo, .. } => {
                format!("{why}{}{}", held(holder.as_ref()), what_to_do(todo.as_ref()))
            }
        }
    }

    /// How a port is that was refused so.
    pub(super) fn health(&self) -> PortHealth {
        match self {
            Self::Allocated(_) | Self::AllAllocated { .. } => PortHealth::Held,
            Self::Unavailable { health, .. } => *health,
        }
    }
}

/// Whether two listening addresses exclude each other.
pub(super) fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.is_ipv4() == b.is_ipv4()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: io::ErrorKind, address: &str, ip: Option<&str>, transport: Transport, ours: bool) -> Refusal {
        let wanted = Publication {
            container: "c".into(),
            name: "web".into(),
            host_ip: ip.map(|ip| ip.parse().unwrap()),
            host_port: 80,
            host_port_last: None,
            target: "172.17.0.2:80".parse().unwrap(),
            transport,
        };
        let failed = BindError { address: address.parse().unwrap(), source: kind.into() };
        Refusal::new(&wanted, &failed, ours, || Some(Holder { name: "nginx".into(), pid: 1 }))
    }

    #[test]
    fn the_texts_are_dockers_with_the_holder_behind() {
        assert_eq!(
            refusal(io::ErrorKind::AddrInUse, "[::1]:8080", None, Transport::Tcp, false).to_string(),
            "ports are not available: exposing port TCP 127.0.0.1:8080 -> 127.0.0.1:0: listen tcp 127.0.0.1:8080: bind: \
             address already in use (held by nginx, pid 1)"
        );
        assert_eq!(
            refusal(io::ErrorKind::AddrInUse, "192.168.0.2:53", Some("192.168.0.2"), Transport::Udp, false).to_string(),
            "ports are not available: exposing port UDP 192.168.0.2:53 -> 127.0.0.1:0: listen udp 192.168.0.2:53: bind: \
             address already in use (held by nginx, pid 1)"
        );
        let ours = refusal(io::ErrorKind::AddrInUse, "0.0.0.0:8080", Some("0.0.0.0"), Transport::Tcp, true);
        assert_eq!(ours.to_string(), "Bind for 0.0.0.0:8080 failed: port is already allocated");
    }

    #[test]
    fn an_address_that_is_not_there_is_no_holders_fault() {
        let absent = refusal(io::ErrorKind::AddrNotAvailable, "10.9.9.9:80", Some("10.9.9.9"), Transport::Tcp, true);
        assert_eq!(absent.health(), PortHealth::AddressAbsent);
        assert!(absent.to_string().ends_with("bind: cannot assign requested address"), "{absent}");
    }

    #[test]
    fn a_low_port_that_the_system_keeps_says_what_to_do() {
        let kept = refusal(io::ErrorKind::PermissionDenied, "127.0.0.1:80", None, Transport::Tcp, false).to_string();
        assert!(kept.contains("bind: permission denied; publish a port from 1024 on, such as -p 8080:80"), "{kept}");
        assert!(!kept.contains("nginx"), "{kept}");
    }

    #[test]
    fn an_any_address_is_in_the_way_of_every_address_of_its_family() {
        let overlaps = |a: &str, b: &str| overlap(a.parse().unwrap(), b.parse().unwrap());
        assert!(overlaps("0.0.0.0:80", "127.0.0.1:80"));
        assert!(!overlaps("0.0.0.0:80", "[::1]:80"));
        assert!(!overlaps("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!overlaps("127.0.0.1:80", "192.168.0.2:80"));
    }
}
