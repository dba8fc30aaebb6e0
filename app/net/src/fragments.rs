//! Datagrams that arrive in parts, put together, and those for the guest that have to go in parts. Room and time are
//! bounded, and parts that overlap spoil the whole: nobody sends such but to mean two things at once (RFC 5722).

use crate::packet::{FRAGMENT_HEADER, HEADER_V6, Packet};
use bytes::{BufMut, Bytes, BytesMut};
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6FragmentHeader, Ipv6Packet, UdpPacket};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// Datagrams put together at once.
const MOST: usize = 64;
/// How long the last part of one may be under way.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most bytes that a datagram holds.
const LARGEST: usize = u16::MAX as usize;

/// What every way of IPv6 carries (RFC 8200, 5), bytes. Routers cut no packet of IPv6, and those of the guest have networks
/// of containers behind them with packets of any size; those of IPv4 the guest cuts itself.
const CARRIED_V6: usize = 1280;
/// Of one part, bytes; a multiple of eight.
const PART: usize = (CARRIED_V6 - HEADER_V6 - FRAGMENT_HEADER) / 8 * 8;

type Key = (IpAddr, IpAddr, IpProtocol, u32);

/// What has arrived of all datagrams.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    started: HashMap<Key, Started>,
}

#[derive(Debug)]
struct Started {
    /// Header of the first part.
    header: Option<Bytes>,
    /// By their offset.
    parts: BTreeMap<usize, Bytes>,
    length: Option<usize>,
    until: Instant,
    spoilt: bool,
}

impl Fragments {
    /// A whole packet as it is; a part is kept, and the last one to arrive gives the whole.
    pub(crate) fn add(&mut self, packet: Packet, now: Instant) -> Option<Packet> {
        let Some(fragment) = packet.fragment else { return Some(packet) };
        let key = (packet.source, packet.destination, packet.protocol, fragment.ident);
        if !self.started.contains_key(&key) {
            self.started.retain(|_, started| started.until > now);
            if self.started.len() >= MOST {
                return None;
            }
        }
        let fresh =
            || Started { header: None, parts: BTreeMap::new(), length: None, until: now + PATIENCE, spoilt: false };
        let started = self.started.entry(key).or_insert_with(fresh);
        started.take(&packet, fragment.offset, fragment.last);
        if !started.is_whole() {
            return None;
        }
        whole(self.started.remove(&key)?, &packet)
    }
}

impl Started {
    fn take(&mut self, packet: &Packet, offset: usize, last: bool) {
        let (data, end) = (packet.bytes.slice(packet.header..), offset + packet.payload().len());
        let before = self.parts.range(..end).next_back();
        if before.is_some_and(|(at, part)| *at == offset && *part == data) {
            // The same once more.
            return;
        }
        let overlaps = before.is_some_and(|(at, part)| at + part.len() > offset);
        let beyond = self.length.is_some_and(|length| end > length || last && end != length)
            || last && self.parts.last_key_value().is_some_and(|(at, part)| at + part.len() > end);
        // Every part but the last is of whole units of eight bytes, and none is empty.
        let odd = data.is_empty() || !last && !data.len().is_multiple_of(8);
        if self.spoilt || overlaps || beyond || odd || end > LARGEST {
            self.spoilt = true;
            self.parts.clear();
            return;
        }
        if last {
            self.length = Some(end);
        }
        if offset == 0 {
            self.header = Some(packet.bytes.slice(..packet.header));
        }
        self.parts.insert(offset, data);
    }

    fn is_whole(&self) -> bool {
        // No two overlap, so the sum tells.
        !self.spoilt && self.length == Some(self.parts.values().map(Bytes::len).sum())
    }
}

fn whole(started: Started, last: &Packet) -> Option<Packet> {
    let length = started.length?;
    let mut bytes = BytesMut::from(&started.header?[..]);
    if last.source.is_ipv4() {
        let total = u16::try_from(bytes.len() + length).ok()?;
        let mut ip = Ipv4Packet::new_unchecked(&mut bytes[..]);
        ip.set_total_len(total);
        ip.set_more_frags(false);
        ip.set_frag_offset(0);
        ip.fill_checksum();
    } else {
        bytes.truncate(HEADER_V6);
        let mut ip = Ipv6Packet::new_unchecked(&mut bytes[..]);
        ip.set_next_header(last.protocol);
        ip.set_payload_len(u16::try_from(length).ok()?);
    }
    started.parts.values().for_each(|part| bytes.put_slice(part));
    Packet::read(bytes.freeze())
}

/// A packet of the gateway's own as the guest can pass it on: whole, or in parts.
pub(crate) fn cut(packet: Bytes) -> Vec<Bytes> {
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    if !is_v6 || packet.len() <= CARRIED_V6 {
        return vec![packet];
    }
    let mut packet = BytesMut::from(packet);
    let mut ip = Ipv6Packet::new_unchecked(&mut packet[..]);
    let (protocol, source, destination) = (ip.next_header(), ip.src_addr(), ip.dst_addr());
    if protocol == IpProtocol::Udp {
        // The device fills in the sum of a whole datagram only.
        UdpPacket::new_unchecked(ip.payload_mut()).fill_checksum(&source.into(), &destination.into());
    }
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let ident = NEXT.fetch_add(1, Ordering::Relaxed);
    let (header, data) = packet.split_at(HEADER_V6);
    let offsets = (0..data.len()).step_by(PART);
    offsets.map(|offset| part_v6(header, protocol, ident, (offset, data))).collect()
}

fn part_v6(header: &[u8], protocol: IpProtocol, ident: u32, (offset, data): (usize, &[u8])) -> Bytes {
    let end = data.len().min(offset + PART);
    let mut part = BytesMut::with_capacity(CARRIED_V6);
    part.put_slice(header);
    part.put_slice(&[protocol.into(), 0, 0, 0, 0, 0, 0, 0]);
    part.put_slice(&data[offset..end]);
    let length = part.len() - HEADER_V6;
    let mut ip = Ipv6Packet::new_unchecked(&mut part[..]);
    ip.set_next_header(IpProtocol::Ipv6Frag);
    // Both are those of a datagram at the most.
    ip.set_payload_len(u16::try_from(length).unwrap_or(u16::MAX));
    let mut extension = Ipv6FragmentHeader::new_unchecked(&mut part[HEADER_V6 + 2..HEADER_V6 + FRAGMENT_HEADER]);
    extension.set_frag_offset(u16::try_from(offset / 8).unwrap_or(u16::MAX));
    extension.set_more_frags(end < data.len());
    extension.set_ident(ident);
    part.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply;
    use proptest::prelude::*;

    /// A datagram of `size` bytes, cut at multiples of eight.
    fn parts(v4: bool, size: usize, each: usize) -> (Packet, Vec<Packet>) {
        let (from, to) = if v4 { ("10.0.0.1:7", "1.2.3.4:9") } else { ("[fd00::1]:7", "[fd00::2]:9") };
        let data: Vec<u8> = (0..=255).cycle().take(size).collect();
        let datagram = reply::udp(from.parse().unwrap(), to.parse().unwrap(), &data).unwrap();
        let packet = Packet::read(datagram).unwrap();
        let payload = packet.payload();
        let cut = payload.chunks(each * 8).enumerate().map(|(number, chunk)| {
            let (offset, more) = (number * each * 8, (number + 1) * each * 8 < payload.len());
            part(&packet, offset, more, chunk)
        });
        let cut = cut.collect();
        (packet, cut)
    }

    fn part(whole: &Packet, offset: usize, more: bool, data: &[u8]) -> Packet {
        let mut bytes = whole.bytes[..whole.header].to_vec();
        if whole.source.is_ipv4() {
            let mut ip = Ipv4Packet::new_unchecked(&mut bytes[..]);
            ip.set_total_len(u16::try_from(20 + data.len()).unwrap());
            ip.set_frag_offset(u16::try_from(offset).unwrap());
            ip.set_more_frags(more);
        } else {
            let mut ip = Ipv6Packet::new_unchecked(&mut bytes[..]);
            ip.set_next_header(IpProtocol::Ipv6Frag);
            ip.set_payload_len(u16::try_from(8 + data.len()).unwrap());
            let mut extension = [0; 8];
            extension[0] = whole.protocol.into();
            let mut header = Ipv6FragmentHeader::new_unchecked(&mut extension[2..]);
            header.set_frag_offset(u16::try_from(offset / 8).unwrap());
            header.set_more_frags(more);
            header.set_ident(77);
            bytes.extend_from_slice(&extension);
        }
        bytes.extend_from_slice(data);
        Packet::read(bytes.into()).unwrap()
    }

    proptest! {
        #[test]
        fn parts_in_any_order_give_the_datagram(v4: bool, size in 100_usize..60_000, each in 1_usize..2_000, order in any::<prop::sample::Index>(), twice: bool) {
            let (whole, mut parts) = parts(v4, size, each);
            prop_assume!(parts.len() > 1);
            let middle = order.index(parts.len());
            parts.rotate_left(middle);
            let (mut fragments, now) = (Fragments::default(), Instant::now());
            let last = parts.pop().unwrap();
            for part in parts {
                prop_assert!(fragments.add(part.clone(), now).is_none());
                if twice {
                    prop_assert!(fragments.add(part, now).is_none());
                }
            }
            let joined = fragments.add(last, now).unwrap();
            prop_assert_eq!(&joined.payload(), &whole.payload());
            prop_assert_eq!((joined.source, joined.destination, joined.fragment), (whole.source, whole.destination, None));
        }
    }

    #[test]
    fn what_is_cut_for_the_guest_passes_every_network_and_is_whole_again_behind_it() {
        for size in [1, 1232, 1233, 1400, 9_000, 65_000] {
            let (v4, v6) = (("10.0.0.1:7", "1.2.3.4:9"), ("[fd00::1]:7", "[fd00::2]:9"));
            for (from, to) in [v4, v6] {
                let data: Vec<u8> = (0..=250).cycle().take(size).collect();
                let datagram = reply::udp(from.parse().unwrap(), to.parse().unwrap(), &data).unwrap();
                let parts = cut(datagram.clone());
                if from == v4.0 || size <= 1232 {
                    assert_eq!(parts, [datagram]);
                    continue;
                }
                assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= CARRIED_V6));
                let (mut fragments, now) = (Fragments::default(), Instant::now());
                let mut whole = parts.into_iter().filter_map(|part| fragments.add(Packet::read(part)?, now));
                let whole = whole.next().unwrap();
                let (ip, sum) =
                    (Ipv6Packet::new_checked(&whole.bytes[..]).unwrap(), UdpPacket::new_checked(whole.payload()));
                assert!(sum.unwrap().verify_checksum(&ip.src_addr().into(), &ip.dst_addr().into()));
                assert_eq!(whole.udp().unwrap().0, data);
            }
        }
    }

    #[test]
    fn parts_that_overlap_spoil_the_datagram() {
        let (whole, parts) = parts(true, 4_000, 100);
        let (mut fragments, now) = (Fragments::default(), Instant::now());
        fragments.add(parts[0].clone(), now);
        assert!(fragments.add(part(&whole, 400, true, &[9; 800]), now).is_none());
        for part in parts {
            assert!(fragments.add(part, now).is_none());
        }
    }

    #[test]
    fn what_is_never_finished_takes_bounded_room_for_a_bounded_time() {
        let (mut fragments, now) = (Fragments::default(), Instant::now());
        let (_, kept) = parts(true, 4_000, 100);
        for host in 0..200 {
            let mut part = kept[0].clone();
            part.source = [10, 0, 1, host].into();
            fragments.add(part, now);
        }
        assert_eq!(fragments.started.len(), MOST);
        let later = now + PATIENCE;
        kept.iter().take(5).for_each(|part| drop(fragments.add(part.clone(), later)));
        assert_eq!(fragments.started.len(), 1);
        let rest: Vec<_> = kept.into_iter().skip(5).filter_map(|part| fragments.add(part, later)).collect();
        assert_eq!(rest.len(), 1);
    }
}
