//! The kernel's header in front of a packet (`struct virtio_net_hdr`; virtio 1.2, 5.1.6): what is still to be done to it.

/// Its length, bytes.
pub(crate) const LEN: usize = 10;

/// The checksum is to be filled in: `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
const NEEDS_CHECKSUM: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV4` and `VIRTIO_NET_HDR_GSO_TCPV6`.
const TCP_V4: u8 = 1;
const TCP_V6: u8 = 4;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Length of an IPv6 header, bytes.
const HEADER_V6: usize = 40;
/// Length of the shortest TCP header, bytes.
const TCP_HEADER: usize = 20;

/// What the kernel is to do to a packet that comes from the gateway, as its header: fill in the checksum of TCP and UDP,
/// and cut into segments. Puts the part of the checksum into the packet that is ours. A packet that is none goes as it
/// is; the kernel drops it.
pub(crate) fn header(packet: &mut [u8], segment: u16) -> [u8; LEN] {
    work(packet, segment).unwrap_or([0; LEN])
}

fn work(packet: &mut [u8], segment: u16) -> Option<[u8; LEN]> {
    let (protocol, start, addresses) = match packet.first()? >> 4 {
        4 => (*packet.get(9)?, usize::from(packet[0] & 15) * 4, 12..20),
        6 => (*packet.get(6)?, HEADER_V6, 8..40),
        _ => return None,
    };
    let field: u16 = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    let length = packet.len().checked_sub(start)?;
    let mut sum = u64::from(protocol) + u64::try_from(length).ok()?;
    sum += packet
        .get(addresses)?
        .chunks_exact(2)
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum::<u64>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let at = start + usize::from(field);
    packet.get_mut(at..at + 2)?.copy_from_slice(&u16::try_from(sum).ok()?.to_be_bytes());
    let is_cut = protocol == TCP && segment > 0;
    let kind = match (is_cut, packet[0] >> 4) {
        (true, 4) => TCP_V4,
        (true, _) => TCP_V6,
        _ => 0,
    };
    let headers = if is_cut { start + (usize::from(*packet.get(start + 12)?) >> 4) * 4 } else { 0 };
    if is_cut && headers < start + TCP_HEADER {
        return None;
    }
    let mut header = [0; LEN];
    (header[0], header[1]) = (NEEDS_CHECKSUM, kind);
    let numbers = [u16::try_from(headers).ok()?, if is_cut { segment } else { 0 }, u16::try_from(start).ok()?, field];
    for (to, number) in header[2..].chunks_exact_mut(2).zip(numbers) {
        to.copy_from_slice(&number.to_ne_bytes());
    }
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_confuse_it(mut bytes in prop::collection::vec(any::<u8>(), 0..100), first in prop_oneof![Just(0x45_u8), Just(0x60), any::<u8>()], segment: u16) {
            if let Some(version) = bytes.first_mut() {
                *version = first;
            }
            let length = bytes.len();
            header(&mut bytes, segment);
            prop_assert_eq!(bytes.len(), length);
        }
    }

    #[test]
    fn a_datagram_gets_the_sum_of_its_pseudo_header() {
        // 10.0.0.1:53 to 10.0.0.2:53 without data: 10.0 + 0.1 + 10.0 + 0.2 + 17 + 8.
        let mut packet = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53, 0, 8, 0, 0];
        let header = header(&mut packet, 1460);
        assert_eq!(packet[26..28], 0x141c_u16.to_be_bytes());
        let number = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        assert_eq!((header[0], header[1], number(4), number(6), number(8)), (1, 0, 0, 20, 6));
    }
}
