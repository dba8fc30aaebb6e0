//! Packets that the gateway makes itself.

use crate::{
    fragments,
    link::Frame,
    packet::{HEADER_V6, Packet},
};
use bytes::{BufMut, Bytes, BytesMut};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        Icmpv4Packet, Icmpv6Packet, IpAddress, IpProtocol, IpRepr, Ipv4Packet, TcpControl, TcpPacket, TcpRepr,
        TcpSeqNumber,
    },
};
use std::net::{IpAddr, SocketAddr};
use tokio::sync::mpsc;

/// Hops that a packet of the gateway may take.
const HOP_LIMIT: u8 = 64;
/// Length of an IPv4 header without options, bytes.
const HEADER_V4: usize = 20;
/// Length of a UDP header, bytes.
const UDP_HEADER: usize = 8;
/// Length of the part of an ICMP message before the packet it quotes, bytes.
const ICMP_HEADER: usize = 8;
/// The most bytes of a packet that an ICMP message quotes: header and ports are in it.
const QUOTED: usize = 128;

/// Why a packet did not reach its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    Network,
    Host,
    Port,
    /// A rule forbids it.
    Prohibited,
}

impl Unreachable {
    /// Type and code, as RFC 792 and RFC 1812 have them, or RFC 4443.
    const fn numbers(self, v4: bool) -> (u8, u8) {
        match (self, v4) {
            (Self::Network, true) => (3, 0),
            (Self::Host, true) => (3, 1),
            (Self::Port, true) => (3, 3),
            (Self::Prohibited, true) => (3, 13),
            (Self::Network, false) => (1, 0),
            (Self::Host, false) => (1, 3),
            (Self::Port, false) => (1, 4),
            (Self::Prohibited, false) => (1, 1),
        }
    }

    /// What an error of a host's socket says about the way.
    pub(crate) fn of(error: &std::io::Error) -> Option<Self> {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Some(Self::Port),
            Kind::NetworkUnreachable | Kind::AddrNotAvailable => Some(Self::Network),
            Kind::HostUnreachable => Some(Self::Host),
            Kind::PermissionDenied => Some(Self::Prohibited),
            _ => None,
        }
    }
}

/// The beginning of a packet, kept to say later that it did not arrive.
#[derive(Clone, Debug)]
pub(crate) struct Quote {
    bytes: [u8; QUOTED],
    length: usize,
    source: IpAddr,
    destination: IpAddr,
}

impl Quote {
    pub(crate) fn of(packet: &Packet) -> Self {
        let length = packet.bytes.len().min(QUOTED);
        let mut bytes = [0; QUOTED];
        bytes[..length].copy_from_slice(&packet.bytes[..length]);
        Self { bytes, length, source: packet.source, destination: packet.destination }
    }

    /// The message that it did not arrive.
    pub(crate) fn unreachable(&self, why: Unreachable) -> Option<Bytes> {
        let (kind, code) = why.numbers(self.source.is_ipv4());
        let mut message = [0; ICMP_HEADER + QUOTED];
        message[..2].copy_from_slice(&[kind, code]);
        message[ICMP_HEADER..][..self.length].copy_from_slice(&self.bytes[..self.length]);
        icmp(self.destination, self.source, &mut message[..ICMP_HEADER + self.length])
    }
}

/// Sends a packet to the guest, in parts where it has to. Nobody waits for it when the gateway is gone.
pub(crate) async fn send(out: &mpsc::Sender<Frame>, packet: Bytes) {
    for packet in fragments::cut(packet) {
        out.send(Frame { packet, segment: 0 }).await.unwrap_or_default();
    }
}

/// The same without waiting: one that finds no room is lost, as on any wire.
pub(crate) fn try_send(out: &mpsc::Sender<Frame>, packet: Bytes) {
    for packet in fragments::cut(packet) {
        drop(out.try_send(Frame { packet, segment: 0 }));
    }
}

/// An ICMP message of the family of its ends; its checksum is filled in.
pub(crate) fn icmp(from: IpAddr, to: IpAddr, message: &mut [u8]) -> Option<Bytes> {
    if message.len() < ICMP_HEADER {
        return None;
    }
    let protocol = match (from, to) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            Icmpv4Packet::new_unchecked(&mut *message).fill_checksum();
            IpProtocol::Icmp
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            Icmpv6Packet::new_unchecked(&mut *message).fill_checksum(&from, &to);
            IpProtocol::Icmpv6
        }
        _ => return None,
    };
    let mut packet = header(from, to, protocol, message.len())?;
    packet.put_slice(message);
    Some(packet.freeze())
}

/// A datagram. Its checksum is not filled in.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Option<Bytes> {
    let length = u16::try_from(UDP_HEADER + data.len()).ok()?;
    let mut packet = header(from.ip(), to.ip(), IpProtocol::Udp, length.into())?;
    for number in [from.port(), to.port(), length, 0] {
        packet.put_u16(number);
    }
    packet.put_slice(data);
    Some(packet.freeze())
}

/// The answer to a segment for which there is no connection, or `None` where none is due (RFC 9293, 3.10.7.1).
pub(crate) fn reset(segment: &Packet) -> Option<Bytes> {
    let (tcp, from, to) = segment.tcp()?;
    if tcp.rst() {
        return None;
    }
    let (sequence, acknowledged) = if tcp.ack() {
        (tcp.ack_number(), None)
    } else {
        (TcpSeqNumber(0), Some(tcp.seq_number() + tcp.segment_len()))
    };
    let reset = TcpRepr {
        src_port: to.port(),
        dst_port: from.port(),
        control: TcpControl::Rst,
        seq_number: sequence,
        ack_number: acknowledged,
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let length = reset.buffer_len();
    let mut packet = header(to.ip(), from.ip(), IpProtocol::Tcp, length)?;
    let start = packet.len();
    packet.resize(start + length, 0);
    let (source, destination) = (IpAddress::from(to.ip()), IpAddress::from(from.ip()));
    let mut segment = TcpPacket::new_unchecked(&mut packet[start..]);
    reset.emit(&mut segment, &source, &destination, &ChecksumCapabilities::ignored());
    Some(packet.freeze())
}

/// An IP header, with room for `length` bytes behind it.
fn header(from: IpAddr, to: IpAddr, protocol: IpProtocol, length: usize) -> Option<BytesMut> {
    let ip = IpRepr::new(from.into(), to.into(), protocol, length, HOP_LIMIT);
    let size = if from.is_ipv4() { HEADER_V4 } else { HEADER_V6 };
    // The length of an IPv4 packet counts its header, that of an IPv6 packet does not.
    u16::try_from(if from.is_ipv4() { size + length } else { length }).ok()?;
    if from.is_ipv4() != to.is_ipv4() {
        return None;
    }
    let mut packet = BytesMut::with_capacity(size + length);
    packet.resize(size, 0);
    ip.emit(&mut packet[..], &ChecksumCapabilities::default());
    if from.is_ipv4() {
        // It may have to pass a network with smaller packets.
        let mut ip = Ipv4Packet::new_unchecked(&mut packet[..]);
        ip.set_dont_frag(false);
        ip.fill_checksum();
    }
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::Ipv6Packet;

    #[test]
    fn a_packet_that_did_not_arrive_is_quoted_to_its_sender() {
        for (from, to, numbers) in [("10.0.0.1:7", "1.2.3.4:9", [3, 3]), ("[fd00::1]:7", "[2001:db8::1]:9", [1, 4])] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let datagram = Packet::read(udp(from, to, &[7; 1000]).unwrap()).unwrap();
            let message = Quote::of(&datagram).unreachable(Unreachable::Port).unwrap();
            let message = Packet::read(message).unwrap();
            assert_eq!((message.source, message.destination), (to.ip(), from.ip()));
            assert_eq!(message.payload()[..2], numbers);
            assert_eq!(message.payload()[8..], datagram.bytes[..QUOTED]);
            let sound = match message.protocol {
                IpProtocol::Icmp => Icmpv4Packet::new_checked(message.payload()).unwrap().verify_checksum(),
                _ => {
                    let ip = Ipv6Packet::new_checked(&message.bytes[..]).unwrap();
                    Icmpv6Packet::new_checked(ip.payload()).unwrap().verify_checksum(&ip.src_addr(), &ip.dst_addr())
                }
            };
            assert!(sound);
        }
    }

    #[test]
    fn the_largest_datagram_of_each_family_fits_and_one_byte_more_does_not() {
        for (from, to, most) in [("10.0.0.1:7", "1.2.3.4:9", 65_507), ("[fd00::1]:7", "[fd00::2]:9", 65_527)] {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            assert!(Packet::read(udp(from, to, &vec![1; most]).unwrap()).unwrap().udp().is_some());
            assert_eq!(udp(from, to, &vec![1; most + 1]), None);
        }
    }
}
