//! What one connection's TCP is plugged into: the packets that wait for it, and the gateway's way to the guest.

use crate::{link::Frame, packet::Packet};
use berth_protocol::uplink::MTU;
use bytes::{Bytes, BytesMut};
use smoltcp::{
    phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken},
    time::Instant,
    wire::{TcpOption, TcpPacket},
};
use std::task::{Context, Poll};
use tokio_util::sync::PollSender;

/// Length of the shortest headers of IPv4 and TCP, bytes.
const HEADERS: usize = 40;

/// The first packet of a connection as if the guest took segments of any size, and what it does take: what is too long
/// for it is cut by its own system, for many segments at once.
pub(super) fn without_limit(syn: &Packet) -> Option<(Bytes, u16)> {
    let mut bytes = BytesMut::from(&syn.bytes[..]);
    let tcp = TcpPacket::new_checked(&bytes[syn.header..]).ok()?;
    // The least that everybody takes (RFC 9293, 3.7.1).
    let mut segment = if syn.source.is_ipv4() { 536 } else { 1220 };
    let (mut options, mut at) = (tcp.options(), syn.header + OPTIONS);
    let mut limit = None;
    while let Ok((rest, option)) = TcpOption::parse(options) {
        match option {
            TcpOption::MaxSegmentSize(size) => (segment, limit) = (size.max(SMALLEST), Some(at + 2)),
            TcpOption::EndOfList => break,
            _ => {}
        }
        at += options.len() - rest.len();
        options = rest;
    }
    if let Some(limit) = limit {
        bytes[limit..limit + 2].copy_from_slice(&u16::MAX.to_be_bytes());
    }
    Some((bytes.freeze(), segment))
}

/// Where the options of a TCP header begin, bytes.
const OPTIONS: usize = 20;
/// No segment is cut smaller, whatever the guest says.
const SMALLEST: u16 = 64;

/// The capabilities of every wire.
fn capabilities() -> DeviceCapabilities {
    let mut checksum = ChecksumCapabilities::ignored();
    checksum.ipv4 = Checksum::Tx;
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = MTU.into();
    capabilities.checksum = checksum;
    capabilities
}

/// The device before anything is plugged in: it is only asked what it can do.
pub(super) struct Unplugged;

/// The device while the connection's task runs.
pub(super) struct Wire<'a, 'cx> {
    pub(super) next: Option<Bytes>,
    pub(super) out: &'a mut PollSender<Frame>,
    /// The most payload bytes of one segment, as the guest wants it.
    pub(super) segment: u16,
    pub(super) task: &'a mut Context<'cx>,
    /// A packet could not leave.
    pub(super) full: bool,
}

impl Wire<'_, '_> {
    /// Whether one more packet can leave now; when not, the task is woken as soon as one can.
    fn has_room(&mut self) -> bool {
        self.full = !matches!(self.out.poll_reserve(self.task), Poll::Ready(Ok(())));
        !self.full
    }
}

impl Device for Wire<'_, '_> {
    type RxToken<'t>
        = Incoming
    where
        Self: 't;
    type TxToken<'t>
        = Outgoing<'t>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        if self.next.is_none() || !self.has_room() {
            return None;
        }
        let packet = self.next.take()?;
        Some((Incoming(packet), Outgoing { out: self.out, segment: self.segment }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        self.has_room().then_some(Outgoing { out: self.out, segment: self.segment })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}

impl Device for Unplugged {
    type RxToken<'t> = Incoming;
    type TxToken<'t> = Outgoing<'t>;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}

/// A packet from the guest.
pub(super) struct Incoming(Bytes);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.0)
    }
}

/// Room for a packet to the guest.
pub(super) struct Outgoing<'a> {
    out: &'a mut PollSender<Frame>,
    segment: u16,
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = BytesMut::zeroed(length);
        let filled = fill(&mut packet);
        // What is longer than one segment with its headers stands for several.
        let is_one = length <= HEADERS + usize::from(self.segment);
        let frame = Frame { packet: packet.freeze(), segment: if is_one { 0 } else { self.segment } };
        // It fails when the gateway is gone, and this task with it.
        self.out.send_item(frame).unwrap_or_default();
        filled
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::packet::Packet;
    use smoltcp::wire::{IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};
    use std::net::SocketAddr;

    /// The first packet of a connection.
    pub(crate) fn syn(from: SocketAddr, to: SocketAddr) -> Packet {
        let tcp = TcpRepr {
            src_port: from.port(),
            dst_port: to.port(),
            control: TcpControl::Syn,
            seq_number: TcpSeqNumber(1000),
            ack_number: None,
            window_len: 64_000,
            window_scale: Some(7),
            max_seg_size: Some(1460),
            sack_permitted: true,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        let ip = IpRepr::new(from.ip().into(), to.ip().into(), IpProtocol::Tcp, tcp.buffer_len(), 64);
        let mut bytes = vec![0; ip.buffer_len()];
        let checksums = smoltcp::phy::ChecksumCapabilities::default();
        ip.emit(&mut bytes[..], &checksums);
        let mut segment = TcpPacket::new_unchecked(&mut bytes[ip.header_len()..]);
        tcp.emit(&mut segment, &from.ip().into(), &to.ip().into(), &checksums);
        Packet::read(bytes.into()).unwrap()
    }

    #[test]
    fn the_guests_limit_is_noted_and_taken_off() {
        for (from, to) in [("10.0.0.1:7", "1.2.3.4:9"), ("[fd00::1]:7", "[fd00::2]:9")] {
            let syn = syn(from.parse().unwrap(), to.parse().unwrap());
            let (bytes, segment) = super::without_limit(&syn).unwrap();
            assert_eq!(segment, 1460);
            let changed = Packet::read(bytes).unwrap();
            let (_, again) = super::without_limit(&changed).unwrap();
            assert_eq!(again, u16::MAX);
            let differing = changed.bytes.iter().zip(&syn.bytes[..]).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 2);
        }
    }
}
