//! The guest's way out: IP packets over one stream, and the numbers of the network they travel in.
//!
//! ```text
//! both ways   length(2, BE) segment(2, BE) packet(length)
//! ```
//!
//! `segment` is 0, or the most payload bytes of one TCP segment: such a packet stands for several, and is cut into them
//! by whoever must send it on. Checksums of TCP and UDP are never filled in, as the stream loses and changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Name of the device in the guest. It carries IP packets without a link header.
pub const INTERFACE: &str = "uplink";
/// The largest packet the device sends, bytes. A packet that stands for several segments may be longer.
pub const MTU: u16 = 65_520;

/// Length of the network prefix, bits. It lies in the block for tests between networks (RFC 2544), which nobody routes;
/// few addresses of it, since other programs take theirs from there too.
pub const PREFIX: u8 = 29;
/// The gateway: nothing but DNS is there.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 19, 87, 1);
/// The host's own loopback services.
pub const HOST: Ipv4Addr = Ipv4Addr::new(198, 19, 87, 2);
/// The guest.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(198, 19, 87, 3);

/// Length of the IPv6 prefix, bits: a unique local one (RFC 4193).
pub const PREFIX_V6: u8 = 64;
/// The gateway.
pub const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfdbe, 0x7268, 0x7570, 0, 0, 0, 0, 1);
/// The host's own loopback services.
pub const HOST_V6: Ipv6Addr = Ipv6Addr::new(0xfdbe, 0x7268, 0x7570, 0, 0, 0, 0, 2);
/// The guest.
pub const GUEST_V6: Ipv6Addr = Ipv6Addr::new(0xfdbe, 0x7268, 0x7570, 0, 0, 0, 0, 3);

/// The name of [`HOST`] in containers.
pub const HOST_NAME: &str = "host.docker.internal";
/// The name of [`GATEWAY`] in containers.
pub const GATEWAY_NAME: &str = "gateway.docker.internal";

/// Whether an address is of the network between guest and gateway.
#[must_use]
pub fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => (ip.to_bits() ^ GATEWAY.to_bits()) >> (32 - PREFIX) == 0,
        IpAddr::V6(ip) => (ip.to_bits() ^ GATEWAY_V6.to_bits()) >> (128 - PREFIX_V6) == 0,
    }
}

/// Size of a [`Head`] on the wire, bytes.
pub const HEAD_LEN: usize = 4;

/// What stands in front of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Length of the packet, bytes.
    pub length: u16,
    /// The most payload bytes of one TCP segment, or 0 for a packet that is sent on as it is.
    pub segment: u16,
}

impl Head {
    /// The bytes to send.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEAD_LEN] {
        let ([a, b], [c, d]) = (self.length.to_be_bytes(), self.segment.to_be_bytes());
        [a, b, c, d]
    }

    /// The head at the beginning of `bytes`, once all of it is there.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d] = *bytes.first_chunk()?;
        Some(Self { length: u16::from_be_bytes([a, b]), segment: u16::from_be_bytes([c, d]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_head_survives_the_round_trip(length: u16, segment: u16) {
            let head = Head { length, segment };
            prop_assert_eq!(Head::read(&head.to_bytes()), Some(head));
            prop_assert_eq!(Head::read(&head.to_bytes()[..3]), None);
        }
    }

    #[test]
    fn the_network_holds_its_three_and_little_else() {
        for address in
            [GATEWAY.into(), HOST.into(), GUEST.into(), IpAddr::from(GUEST_V6), Ipv4Addr::new(198, 19, 87, 7).into()]
        {
            assert!(is_inside(address), "{address}");
        }
        for address in [IpAddr::from([198, 19, 87, 8]), [198, 18, 87, 1].into(), Ipv6Addr::LOCALHOST.into()] {
            assert!(!is_inside(address), "{address}");
        }
    }
}
