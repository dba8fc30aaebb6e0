//! Why a port cannot be published, in docker's words, and who holds it.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
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
    /// The system does not give it.
    #[error("ports are not available: exposing port TCP {address} -> 127.0.0.1:0: listen tcp {address}: bind: {why}{}", held(.holder.as_ref()))]
    Unavailable {
        /// The address.
        address: SocketAddr,
        /// What the system said, in docker's words.
        why: String,
        /// Who holds it.
        holder: Option<Holder>,
    },
}

fn held(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" ({holder})")).unwrap_or_default()
}

impl Refusal {
    /// The refusal for an address that could not be bound. `ours` when one of our listeners is in the way.
    pub(crate) fn new(
        address: SocketAddr,
        asked_ip: Option<IpAddr>,
        ours: bool,
        error: &io::Error,
        holder: impl FnOnce() -> Option<Holder>,
    ) -> Self {
        // Who gave no address thinks of "localhost", whichever family was refused.
        let shown = match asked_ip {
            Some(ip) => SocketAddr::new(ip, address.port()),
            None => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), address.port()),
        };
        if ours {
            return Self::Allocated(shown);
        }
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "address already in use".into(),
            io::ErrorKind::PermissionDenied => "permission denied".into(),
            io::ErrorKind::AddrNotAvailable => "cannot assign requested address".into(),
            _ => error.to_string(),
        };
        match holder() {
            // Two publications of one request: the first of them holds it.
            Some(holder) if holder.pid == std::process::id() => Self::Allocated(shown),
            holder => Self::Unavailable { address: shown, why, holder },
        }
    }
}

/// Whether two listening addresses exclude each other.
pub(crate) fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.is_ipv4() == b.is_ipv4()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_dockers_with_the_holder_behind() {
        let address: SocketAddr = "[::1]:8080".parse().unwrap();
        let error = io::Error::from(io::ErrorKind::AddrInUse);
        let holder = || Some(Holder { name: "nginx".into(), pid: 1 });
        assert_eq!(
            Refusal::new(address, None, false, &error, holder).to_string(),
            "ports are not available: exposing port TCP 127.0.0.1:8080 -> 127.0.0.1:0: listen tcp 127.0.0.1:8080: bind: \
             address already in use (held by nginx, pid 1)"
        );
        let ip = Some(IpAddr::from([0, 0, 0, 0]));
        assert_eq!(
            Refusal::new(address, ip, true, &error, || None).to_string(),
            "Bind for 0.0.0.0:8080 failed: port is already allocated"
        );
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
