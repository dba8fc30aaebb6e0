//! Where on this host a publication is to be found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ip: IpAddr,
    /// A host may be without it, such as `::1` where there is no IPv6, and nothing is wrong.
    pub(super) may_be_missing: bool,
}

/// The places of a publication: the address that was given, or else this host alone, or everyone around it.
pub(super) fn places(given: Option<IpAddr>, shared: bool) -> Vec<Place> {
    let (v4, v6) = match given {
        Some(ip) => return vec![Place { ip, may_be_missing: false }],
        None if shared => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
        None => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
    };
    vec![Place { ip: v4.into(), may_be_missing: false }, Place { ip: v6.into(), may_be_missing: true }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_address_and_unless_shared_only_this_host_is_listened_to() {
        let ips = |given: Option<IpAddr>, shared| places(given, shared).into_iter().map(|place| place.ip.to_string());
        assert_eq!(ips(None, false).collect::<Vec<_>>(), ["127.0.0.1", "::1"]);
        assert_eq!(ips(None, true).collect::<Vec<_>>(), ["0.0.0.0", "::"]);
        let given = Some(IpAddr::from([192, 168, 0, 2]));
        assert_eq!(ips(given, true).collect::<Vec<_>>(), ["192.168.0.2"]);
    }
}
