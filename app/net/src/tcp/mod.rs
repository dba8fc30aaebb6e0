//! One TCP connection of the guest: the host's own is made first, and the guest hears how that went.

mod flow;
mod wire;

use crate::{
    destination::Destination,
    dns::Dns,
    link::Frame,
    packet::Packet,
    proxy::Proxy,
    reply::{self, Quote, Unreachable},
};
use bytes::Bytes;
use flow::Flow;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};
use tokio::{io::duplex, net::TcpStream, sync::mpsc};

/// Packets of the guest that wait for one connection; what comes beyond is lost, and sent again.
pub(crate) const WAITING: usize = 256;
/// Bytes of a DNS connection that wait in each direction.
const DNS_ROOM: usize = 64 << 10;

/// What a connection needs of the gateway.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) out: mpsc::Sender<Frame>,
    pub(crate) dns: Arc<Dns>,
    pub(crate) proxy: Option<Arc<Proxy>>,
}

/// Serves the connection that `syn` begins, until both sides have ended it.
pub(crate) async fn serve(syn: Packet, packets: mpsc::Receiver<Bytes>, context: Context) {
    let Some((_, guest, target)) = syn.tcp() else { return };
    let reached = match Destination::of(target.ip()) {
        Destination::Gateway if target.port() == crate::dns::PORT => {
            let (near, far) = duplex(DNS_ROOM);
            if let Some(flow) = Flow::new(near, &syn, packets, context.out) {
                tokio::join!(flow, context.dns.serve_stream(far));
            }
            return;
        }
        Destination::Host => connect_to_loopback(target).await,
        Destination::Outside => connect_outside(target, &context).await,
        Destination::Gateway | Destination::Nowhere | Destination::Group => {
            Err(io::ErrorKind::ConnectionRefused.into())
        }
    };
    match reached {
        Ok(stream) => {
            // Bytes are sent on as they come: the guest has decided already when to wait for more.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%target, %error, "a connection keeps its delay");
            }
            if let Some(flow) = Flow::new(stream, &syn, packets, context.out) {
                flow.await;
            }
        }
        Err(error) => {
            tracing::debug!(%guest, %target, %error, "a connection does not come about");
            if let Some(packet) = refusal(&syn, &error) {
                reply::send(&context.out, packet).await;
            }
        }
    }
}

async fn connect_outside(target: SocketAddr, context: &Context) -> io::Result<TcpStream> {
    let Some(proxy) = &context.proxy else { return TcpStream::connect(target).await };
    let name = context.dns.names().of(target.ip(), Instant::now());
    if proxy.is_for(target, name.as_deref()) {
        proxy.connect(target, name.as_deref()).await
    } else {
        TcpStream::connect(target).await
    }
}

/// A program that listens on one loopback address only, as many do on `::1`, is meant as well.
async fn connect_to_loopback(target: SocketAddr) -> io::Result<TcpStream> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, target.port()));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, target.port()));
    let (first, second) = if target.is_ipv4() { (v4, v6) } else { (v6, v4) };
    match TcpStream::connect(first).await {
        Ok(stream) => Ok(stream),
        Err(error) => TcpStream::connect(second).await.map_err(|_| error),
    }
}

/// What a failed connect looks like on the wire: a refusal is a reset, a timeout is silence.
fn refusal(syn: &Packet, error: &io::Error) -> Option<Bytes> {
    match error.kind() {
        io::ErrorKind::TimedOut => None,
        _ => match Unreachable::of(error) {
            Some(why) if why != Unreachable::Port => Quote::of(syn).unreachable(why),
            _ => reply::reset(syn),
        },
    }
}

/// Both ends in the order the guest knows them: its own first.
pub(crate) type Ends = (SocketAddr, SocketAddr);

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::IpProtocol;

    #[test]
    fn each_failure_looks_as_it_does_on_a_wire() {
        let syn = wire::tests::syn("198.19.87.3:4000".parse().unwrap(), "1.2.3.4:80".parse().unwrap());
        let looks = |kind: io::ErrorKind| {
            refusal(&syn, &kind.into()).and_then(Packet::read).map(|packet| (packet.protocol, packet.payload()[1]))
        };
        assert!(matches!(looks(io::ErrorKind::ConnectionRefused), Some((IpProtocol::Tcp, _))));
        assert_eq!(looks(io::ErrorKind::NetworkUnreachable), Some((IpProtocol::Icmp, 0)));
        assert_eq!(looks(io::ErrorKind::HostUnreachable), Some((IpProtocol::Icmp, 1)));
        assert_eq!(looks(io::ErrorKind::PermissionDenied), Some((IpProtocol::Icmp, 13)));
        assert_eq!(looks(io::ErrorKind::TimedOut), None);
    }
}
