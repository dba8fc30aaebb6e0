//! The guest's datagrams: one socket of the host for each pair of ends, as long as it is used. Connected, so that only
//! the destination answers, and a port nobody listens on is told.

use crate::{
    destination::Destination,
    link::Frame,
    packet::Packet,
    reply::{self, Quote, Unreachable},
};
use bytes::BytesMut;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{io::Interest, net::UdpSocket, sync::mpsc, time::sleep};

/// Datagrams that wait for one socket; what comes beyond is lost.
pub(crate) const WAITING: usize = 64;
/// How long a pair that was never answered is kept, and one that was: the times of Linux' connection tracking.
const UNANSWERED: Duration = Duration::from_secs(30);
const ANSWERED: Duration = Duration::from_secs(120);
/// The largest datagram, bytes.
const LARGEST: usize = 65_535;

/// Serves the pair of ends of `first` until it is quiet.
pub(crate) async fn serve(first: Packet, mut packets: mpsc::Receiver<Packet>, out: mpsc::Sender<Frame>) {
    let Some((_, guest, target)) = first.udp() else { return };
    let mut quote = Quote::of(&first);
    let socket = match open(target).await {
        Ok(socket) => socket,
        Err(error) => return tell(&error, &quote, &out).await,
    };
    let mut answered = false;
    let mut next = Some(first);
    let mut buffer = BytesMut::new();
    loop {
        let patience = if answered { ANSWERED } else { UNANSWERED };
        let turn = match next.take() {
            Some(packet) => Some(Turn::Sent(packet)),
            None => tokio::select! {
                packet = packets.recv() => packet.map(Turn::Sent),
                received = receive(&socket, &mut buffer) => Some(Turn::Received(received)),
                () = sleep(patience) => None,
            },
        };
        match turn {
            Some(Turn::Sent(packet)) => {
                let Some((data, ..)) = packet.udp() else { continue };
                quote = Quote::of(&packet);
                // An error may be that of an earlier datagram: it is told, and this one tried again.
                for _ in 0..2 {
                    match socket.send(&data).await {
                        Ok(_) => break,
                        Err(error) => tell(&error, &quote, &out).await,
                    }
                }
            }
            Some(Turn::Received(Ok(()))) => {
                answered = true;
                if let Some(packet) = reply::udp(target, guest, &buffer) {
                    reply::send(&out, packet).await;
                }
            }
            Some(Turn::Received(Err(error))) => tell(&error, &quote, &out).await,
            None => return,
        }
    }
}

enum Turn {
    Sent(Packet),
    Received(io::Result<()>),
}

async fn open(target: SocketAddr) -> io::Result<UdpSocket> {
    let target = match Destination::of(target.ip()) {
        Destination::Outside => target,
        Destination::Host if target.is_ipv4() => SocketAddr::from((Ipv4Addr::LOCALHOST, target.port())),
        Destination::Host => SocketAddr::from((Ipv6Addr::LOCALHOST, target.port())),
        Destination::Gateway | Destination::Nowhere => return Err(io::ErrorKind::ConnectionRefused.into()),
        // Nobody hears it, which nobody can tell.
        Destination::Group => return Err(io::ErrorKind::TimedOut.into()),
    };
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A system without this family has no way there.
    let socket = UdpSocket::bind((any, 0)).await.map_err(|_| io::ErrorKind::NetworkUnreachable)?;
    socket.connect(target).await?;
    Ok(socket)
}

/// The next datagram, or what the system was told about one that was sent.
pub(crate) async fn receive(socket: &UdpSocket, buffer: &mut BytesMut) -> io::Result<()> {
    loop {
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
        if ready.is_error() {
            let error = || socket.take_error().and_then(|error| Err(error.unwrap_or(io::ErrorKind::WouldBlock.into())));
            match socket.try_io(Interest::ERROR, error) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                told => return told,
            }
        }
        // Only now: a socket that waits holds no memory.
        buffer.clear();
        buffer.reserve(LARGEST);
        match socket.try_recv_buf(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received.map(drop),
        }
    }
}

/// Tells the guest what the host's system says about the way.
pub(crate) async fn tell(error: &io::Error, quote: &Quote, out: &mpsc::Sender<Frame>) {
    if let Some(packet) = Unreachable::of(error).and_then(|why| quote.unreachable(why)) {
        reply::send(out, packet).await;
    }
}
