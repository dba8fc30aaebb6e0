//! Echo requests of the guest, by the sockets that some systems give to every user (Linux where
//! `net.ipv4.ping_group_range` allows it, macOS). Where there are none, nobody answers: an answer of the gateway's own
//! would tell that somebody far away is there who may not be.

use crate::{
    destination::Destination,
    link::Frame,
    packet::Packet,
    reply::{self, Quote},
    udp::{receive, tell},
};
use bytes::{Bytes, BytesMut};
use smoltcp::wire::IpProtocol;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{net::UdpSocket, sync::mpsc, time::sleep};

/// How long after the last request answers are waited for.
const QUIET: Duration = Duration::from_secs(30);
/// The length of a message without data, bytes.
const HEADER: usize = 8;

/// The number by which a sender tells its requests from those of others; `None` for what is no echo request.
pub(crate) fn ident(packet: &Packet) -> Option<u16> {
    let (kind, message) = (kinds(packet.source).0, packet.payload());
    let family = if packet.source.is_ipv4() { IpProtocol::Icmp } else { IpProtocol::Icmpv6 };
    let request = packet.protocol == family && message.len() >= HEADER && message[0] == kind && message[1] == 0;
    request.then(|| u16::from_be_bytes([message[4], message[5]]))
}

/// The numbers of request and answer.
const fn kinds(family: IpAddr) -> (u8, u8) {
    if family.is_ipv4() { (8, 0) } else { (128, 129) }
}

/// The gateway's own answer to a request.
pub(crate) fn answer(request: &Packet) -> Option<Bytes> {
    let mut message = request.payload().to_vec();
    message[0] = kinds(request.source).1;
    message[2..4].fill(0);
    reply::icmp(request.destination, request.source, &mut message)
}

/// Passes the requests of one sender to one destination on until there are no more.
pub(crate) async fn serve(first: Packet, mut packets: mpsc::Receiver<Packet>, out: mpsc::Sender<Frame>) {
    let (Some(ident), Destination::Outside) = (ident(&first), Destination::of(first.destination)) else { return };
    let (guest, target) = (first.source, first.destination);
    let socket = match open(target) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%target, %error, "an echo request goes no further");
            // That this system has no such sockets says nothing about the way.
            if error.kind() != io::ErrorKind::PermissionDenied {
                tell(&error, &Quote::of(&first), &out).await;
            }
            return;
        }
    };
    let mut quote = Quote::of(&first);
    let mut next = Some(first);
    let mut buffer = BytesMut::new();
    loop {
        if let Some(packet) = next.take() {
            quote = Quote::of(&packet);
            let mut request = packet.payload().to_vec();
            request[2..4].fill(0);
            if let Err(error) = socket.send(&request).await {
                tell(&error, &quote, &out).await;
            }
        }
        let received = tokio::select! {
            packet = packets.recv() => match packet {
                Some(packet) => {
                    next = Some(packet);
                    continue;
                }
                None => return,
            },
            received = receive(&socket, &mut buffer) => received,
            () = sleep(QUIET) => return,
        };
        match received {
            Ok(()) => {
                let mut message = without_ip_header(&buffer).to_vec();
                // The socket's own number stands where the sender's did.
                if message.len() >= HEADER && message[0] == kinds(target).1 {
                    message[2..4].fill(0);
                    message[4..6].copy_from_slice(&ident.to_be_bytes());
                    if let Some(packet) = reply::icmp(target, guest, &mut message) {
                        reply::send(&out, packet).await;
                    }
                }
            }
            Err(error) => tell(&error, &quote, &out).await,
        }
    }
}

fn open(target: IpAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::from(SocketAddr::new(target, 0)))?;
    UdpSocket::from_std(socket.into())
}

/// Some systems put the IPv4 header in front of what is received; no message of ours begins like one.
fn without_ip_header(bytes: &[u8]) -> &[u8] {
    let first = bytes.first().copied().unwrap_or(0);
    if first >> 4 == 4 { bytes.get(usize::from(first & 15) * 4..).unwrap_or(&[]) } else { bytes }
}
