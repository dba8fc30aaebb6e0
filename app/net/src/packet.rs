//! One packet of the guest, looked at once: where from, where to, and what is inside.

use bytes::Bytes;
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6FragmentHeader, Ipv6Packet, TcpPacket, UdpPacket};
use std::net::{IpAddr, SocketAddr};

/// A packet whose lengths hold.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// All of it, without what may stand behind.
    pub(crate) bytes: Bytes,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: IpProtocol,
    /// Where the payload begins.
    pub(crate) header: usize,
    /// Its place in a larger packet.
    pub(crate) fragment: Option<Fragment>,
}

/// A part's place in the packet it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) ident: u32,
    /// Bytes of payload before this part.
    pub(crate) offset: usize,
    pub(crate) last: bool,
}

/// Length of an IPv6 header without extensions, bytes.
pub(crate) const HEADER_V6: usize = 40;
/// Length of the extension that places a fragment (RFC 8200, 4.5), bytes.
pub(crate) const FRAGMENT_HEADER: usize = 8;

impl Packet {
    /// Reads one; `None` for what is no packet.
    pub(crate) fn read(bytes: Bytes) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::v4(bytes),
            6 => Self::v6(bytes),
            _ => None,
        }
    }

    fn v4(bytes: Bytes) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(&bytes[..]).ok()?;
        let (header, total) = (usize::from(packet.header_len()), usize::from(packet.total_len()));
        let (offset, more) = (usize::from(packet.frag_offset()), packet.more_frags());
        Some(Self {
            source: packet.src_addr().into(),
            destination: packet.dst_addr().into(),
            protocol: packet.next_header(),
            header,
            fragment: (more || offset > 0).then(|| Fragment { ident: packet.ident().into(), offset, last: !more }),
            bytes: bytes.slice(..total),
        })
    }

    fn v6(bytes: Bytes) -> Option<Self> {
        let packet = Ipv6Packet::new_checked(&bytes[..]).ok()?;
        let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
        let (total, protocol) = (packet.total_len(), packet.next_header());
        let mut whole =
            Self { bytes: bytes.slice(..total), source, destination, protocol, header: HEADER_V6, fragment: None };
        if protocol == IpProtocol::Ipv6Frag {
            let extension = whole.bytes.get(HEADER_V6..)?;
            whole.protocol = IpProtocol::from(*extension.first()?);
            // The library's view begins behind the two bytes that every extension has.
            let header = Ipv6FragmentHeader::new_checked(extension.get(2..FRAGMENT_HEADER)?).ok()?;
            let offset = usize::from(header.frag_offset()) * 8;
            whole.header += FRAGMENT_HEADER;
            whole.fragment = Some(Fragment { ident: header.ident(), offset, last: !header.more_frags() });
        }
        Some(whole)
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.header..]
    }

    /// Both ends, when it is of TCP.
    pub(crate) fn tcp(&self) -> Option<(TcpPacket<&[u8]>, SocketAddr, SocketAddr)> {
        let tcp = TcpPacket::new_checked(self.payload()).ok()?;
        let (from, to) = (tcp.src_port(), tcp.dst_port());
        (from != 0 && to != 0).then(|| (tcp, SocketAddr::new(self.source, from), SocketAddr::new(self.destination, to)))
    }

    /// Both ends and the data, when it is of UDP.
    pub(crate) fn udp(&self) -> Option<(Bytes, SocketAddr, SocketAddr)> {
        let udp = UdpPacket::new_checked(self.payload()).ok()?;
        let (from, to, length) = (udp.src_port(), udp.dst_port(), usize::from(udp.len()));
        let data = self.bytes.slice(self.header + 8..self.header + length);
        (to != 0).then(|| (data, SocketAddr::new(self.source, from), SocketAddr::new(self.destination, to)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::reply;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_confuse_it(mut bytes in prop::collection::vec(any::<u8>(), 0..200), version in prop_oneof![Just(0x45_u8), Just(0x60), any::<u8>()]) {
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            if let Some(packet) = Packet::read(bytes.into()) {
                prop_assert!(packet.header <= packet.bytes.len());
                packet.tcp();
                packet.udp();
            }
        }
    }

    #[test]
    fn a_datagram_is_read_as_it_was_written_and_what_stands_behind_is_cut_off() {
        for (from, to) in [("10.0.0.1:53", "10.0.0.2:999"), ("[fd00::1]:53", "[fd00::2]:999")] {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let mut bytes = reply::udp(from, to, b"hello").unwrap().to_vec();
            bytes.extend_from_slice(b"trailer");
            let packet = Packet::read(bytes.into()).unwrap();
            let (data, source, destination) = packet.udp().unwrap();
            assert_eq!((&data[..], source, destination), (&b"hello"[..], from, to));
            assert_eq!((packet.fragment, packet.tcp().is_none()), (None, true));
        }
    }
}
