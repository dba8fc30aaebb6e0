//! Questions to the resolver of the host's system.

use super::text;
use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType, getaddrinfo, lookup_addr};
use hickory_proto::rr::Name;
use std::net::IpAddr;
use tokio::task::spawn_blocking;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing has that name.
    Name,
    /// It cannot be told now.
    Now,
}

/// The addresses of one family; none for a name that has only others.
pub(super) async fn addresses(name: &Name, v4: bool) -> Result<Vec<IpAddr>, Missing> {
    let name = text(name);
    if name.parse::<IpAddr>().is_ok() {
        // The system would give it back as it is; to DNS it is a name that nobody has.
        return Err(Missing::Name);
    }
    let look = move || {
        let family = if v4 { AddrFamily::Inet } else { AddrFamily::Inet6 };
        match find(&name, family.into()) {
            // Some systems say the same of a name that has addresses of the other family only.
            Err(Missing::Name) => find(&name, 0).map(|_| vec![]),
            found => found,
        }
    };
    spawn_blocking(look).await.unwrap_or(Err(Missing::Now))
}

fn find(name: &str, family: i32) -> Result<Vec<IpAddr>, Missing> {
    let hints = AddrInfoHints { address: family, socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| missing(error.kind()))?;
    let mut addresses = Vec::new();
    for info in found.flatten() {
        let address = info.sockaddr.ip();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// The name of an address.
pub(super) async fn name(address: IpAddr) -> Result<Name, Missing> {
    let look = move || lookup_addr(&address).map_err(|error| missing(error.kind()));
    let name = spawn_blocking(look).await.unwrap_or(Err(Missing::Now))?;
    Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).map_err(|_| Missing::Name)
}

fn missing(kind: LookupErrorKind) -> Missing {
    match kind {
        LookupErrorKind::NoName | LookupErrorKind::NoData | LookupErrorKind::Family | LookupErrorKind::IO => {
            Missing::Name
        }
        _ => Missing::Now,
    }
}
