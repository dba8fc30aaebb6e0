//! Packets of the guest, damaged.

use super::*;
use crate::reply;
use proptest::{prelude::*, sample::select};
use smoltcp::wire::{IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

/// A question that the gateway answers by itself.
const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04host\x06docker\x08internal\0\0\x01\0\x01";

/// Good packets, none of which leads out of this process.
fn good() -> Vec<Vec<u8>> {
    let at = |v6: bool, port: u16| -> (SocketAddr, SocketAddr) {
        let (guest, gateway): (IpAddr, IpAddr) = match v6 {
            true => (uplink::GUEST_V6.into(), uplink::GATEWAY_V6.into()),
            false => (uplink::GUEST.into(), uplink::GATEWAY.into()),
        };
        (SocketAddr::new(guest, 40_000), SocketAddr::new(gateway, port))
    };
    let mut all = Vec::new();
    for v6 in [false, true] {
        let (guest, dns) = at(v6, dns::PORT);
        all.push(reply::udp(guest, dns, QUESTION).unwrap().to_vec());
        all.push(reply::udp(guest, at(v6, 9).1, b"hello").unwrap().to_vec());
        let kind = if v6 { 128 } else { 8 };
        all.push(reply::icmp(guest.ip(), dns.ip(), &mut [kind, 0, 0, 0, 0, 7, 0, 1, b'x']).unwrap().to_vec());
        for (control, acknowledged) in [(TcpControl::Syn, None), (TcpControl::None, Some(TcpSeqNumber(77)))] {
            all.push(segment(guest, dns, control, acknowledged));
        }
    }
    all
}

fn segment(from: SocketAddr, to: SocketAddr, control: TcpControl, ack_number: Option<TcpSeqNumber>) -> Vec<u8> {
    let tcp = TcpRepr {
        src_port: from.port(),
        dst_port: to.port(),
        control,
        seq_number: TcpSeqNumber(1000),
        ack_number,
        window_len: 64_000,
        window_scale: ack_number.is_none().then_some(7),
        max_seg_size: ack_number.is_none().then_some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: if ack_number.is_some() { b"data" } else { b"" },
    };
    let ip = IpRepr::new(from.ip().into(), to.ip().into(), IpProtocol::Tcp, tcp.buffer_len(), 64);
    let mut bytes = vec![0; ip.buffer_len()];
    let checksums = smoltcp::phy::ChecksumCapabilities::default();
    ip.emit(&mut bytes[..], &checksums);
    let mut segment = TcpPacket::new_unchecked(&mut bytes[ip.header_len()..]);
    tcp.emit(&mut segment, &from.ip().into(), &to.ip().into(), &checksums);
    bytes
}

/// Whether it would leave this process, or have a name looked up: that is for the guests of real machines.
fn leads_out(bytes: &[u8]) -> bool {
    let Some(packet) = Packet::read(Bytes::copy_from_slice(bytes)) else { return false };
    let asks = |(data, _, to): (Bytes, SocketAddr, SocketAddr)| to.port() == dns::PORT && data != QUESTION;
    matches!(Destination::of(packet.destination), Destination::Outside | Destination::Host)
        || packet.fragment.is_some()
        || packet.udp().is_some_and(asks)
}

proptest! {
    #[test]
    fn whatever_comes_the_gateway_goes_on(
        packets in prop::collection::vec(select(good()).prop_flat_map(berth_fuzz::damaged), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut gateway = Gateway::new(Settings::default());
            for packet in packets.into_iter().filter(|packet| !leads_out(packet)) {
                gateway.flows.take(packet.into());
                tokio::task::yield_now().await;
                // Nobody reads the link: what is answered must not fill it.
                while gateway.outgoing.try_recv().is_ok() {}
            }
            let mut echo = [8, 0, 0, 0, 0, 7, 0, 1, b'x'];
            let echo = reply::icmp(uplink::GUEST.into(), uplink::GATEWAY.into(), &mut echo).unwrap();
            gateway.flows.take(echo);
            let answer = std::iter::from_fn(|| gateway.outgoing.try_recv().ok()).last().unwrap();
            assert_eq!(Packet::read(answer.packet).unwrap().payload()[0], 0, "an echo reply");
        });
    }
}
