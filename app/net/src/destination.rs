//! Where an address of the guest's leads. The host's loopback services are reached at one address of each family and no
//! other; the gateway has nothing but DNS; whatever else means "this computer" leads nowhere.

use berth_protocol::uplink;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The gateway itself.
    Gateway,
    /// The host's loopback services; the address is where one of the same family would be.
    Host,
    /// Somewhere outside.
    Outside,
    /// Nobody is there.
    Nowhere,
    /// Meant for everybody on one wire, which ends here.
    Group,
}

impl Destination {
    pub(crate) fn of(address: IpAddr) -> Self {
        if address == uplink::GATEWAY || address == uplink::GATEWAY_V6 {
            Self::Gateway
        } else if address == uplink::HOST || address == uplink::HOST_V6 {
            Self::Host
        } else if uplink::is_inside(address) {
            Self::Nowhere
        } else {
            match address {
                IpAddr::V4(ip) => Self::of_v4(ip),
                IpAddr::V6(ip) => Self::of_v6(ip),
            }
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        if ip.is_multicast() || ip.is_broadcast() {
            Self::Group
        } else if ip.octets()[0] == 0 || ip.is_loopback() || ip.octets()[0] >= 240 {
            Self::Nowhere
        } else {
            Self::Outside
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        // One that stands for an IPv4 address (::ffff:0:0/96, and ::/96 as it once was) would be dialled as that one,
        // past every check above; one of the wire needs to know which wire.
        let stands_for_v4 = ip.to_ipv4().is_some();
        if ip.is_multicast() {
            Self::Group
        } else if stands_for_v4 || ip.is_unicast_link_local() {
            Self::Nowhere
        } else {
            Self::Outside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_loopback_is_at_two_addresses_only() {
        let of = |address: &str| Destination::of(address.parse().unwrap());
        for host in ["198.19.87.2", "fdbe:7268:7570::2"] {
            assert_eq!(of(host), Destination::Host, "{host}");
        }
        for gateway in ["198.19.87.1", "fdbe:7268:7570::1"] {
            assert_eq!(of(gateway), Destination::Gateway, "{gateway}");
        }
        for nowhere in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0.0.0.0",
            "fe80::1",
            "240.0.0.1",
            "198.19.87.0",
            "198.19.87.3",
            "198.19.87.7",
            "fdbe:7268:7570::9",
        ] {
            assert_eq!(of(nowhere), Destination::Nowhere, "{nowhere}");
        }
        for group in ["224.0.0.251", "255.255.255.255", "ff02::fb"] {
            assert_eq!(of(group), Destination::Group, "{group}");
        }
        for outside in ["8.8.8.8", "192.168.1.1", "169.254.169.254", "198.19.87.8", "2001:db8::1", "fd00::1"] {
            assert_eq!(of(outside), Destination::Outside, "{outside}");
        }
    }
}
