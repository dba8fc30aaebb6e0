//! The datagrams of one client to a UDP port of a container, over a socket that is connected to it.

use super::refusal;
use berth_protocol::{
    datagram::{self, Datagrams},
    forward::{CONNECTED, Refusal},
};
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::UdpSocket,
};

/// The largest datagram, and what is read of the host's stream at once, bytes.
const LARGEST: usize = 64 << 10;

thread_local! {
    /// One for all flows of a thread: a flow that waits holds none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; LARGEST].into_boxed_slice());
}

/// A socket that exchanges datagrams with the container only.
pub(super) async fn open(target: SocketAddr) -> Result<UdpSocket, Refusal> {
    let any = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let open = async {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        socket.connect(target).await?;
        Ok(socket)
    };
    open.await.map_err(|error: io::Error| refusal(&error))
}

/// Carries until the host ends its stream. A datagram that cannot be sent is lost, as on any network: that nothing listens
/// now says nothing of the next.
pub(super) async fn carry(mut stream: impl AsyncRead + AsyncWrite + Unpin, container: UdpSocket) -> io::Result<()> {
    stream.write_all(&[CONNECTED]).await?;
    stream.flush().await?;
    let (mut from_host, mut to_host) = tokio::io::split(stream);
    let inwards = async {
        let mut datagrams = Datagrams::default();
        while read_into(&mut from_host, &mut datagrams).await? > 0 {
            while let Some(payload) = datagrams.pop() {
                if let Err(error) = container.send(payload).await {
                    tracing::debug!("a datagram was not sent: {error}");
                }
            }
        }
        Ok(())
    };
    let outwards = async {
        let mut out = Vec::new();
        loop {
            container.readable().await?;
            take_what_waits(&container, &mut out);
            to_host.write_all(&out).await?;
            to_host.flush().await?;
            out.clear();
        }
    };
    tokio::select! {
        ended = inwards => ended,
        ended = outwards => ended,
    }
}

/// How many bytes were read; 0 at the end.
async fn read_into(from: &mut (impl AsyncRead + Unpin), datagrams: &mut Datagrams) -> io::Result<usize> {
    poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut room = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *from).poll_read(context, &mut room))?;
            datagrams.feed(room.filled());
            Poll::Ready(Ok(room.filled().len()))
        })
    })
    .await
}

/// Frames the datagrams that are there, up to about one buffer of them.
fn take_what_waits(container: &UdpSocket, out: &mut Vec<u8>) {
    SCRATCH.with_borrow_mut(|scratch| {
        while out.len() < LARGEST {
            match container.try_recv(scratch) {
                Ok(length) => datagram::push(out, &scratch[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The answer to an earlier datagram that nobody took.
                Err(error) => return tracing::debug!("a datagram was refused: {error}"),
            }
        }
    });
}
