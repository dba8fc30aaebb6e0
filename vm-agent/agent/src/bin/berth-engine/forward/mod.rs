//! One forwarded connection: the host names an address of a container, the guest dials it and carries the bytes, or the
//! datagrams.

mod datagrams;
mod socket;
mod stream;

pub(crate) use socket::IntoSocket;

use crate::{accept::Accept, listen};
use berth_protocol::{
    boot::Secret,
    forward::{HEADER_LEN, Refusal, parse},
    port,
    publish::Transport,
};
use std::{io, net::SocketAddr, thread, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// Serves what `bind` gives, on a thread of its own until the process ends: to hand a message from one thread to another
/// costs more than to carry it.
///
/// # Errors
/// Those of `bind`, or the system has no thread.
pub(crate) fn start<A>(bind: impl FnOnce() -> anyhow::Result<A>, secret: Secret) -> anyhow::Result<()>
where
    A: Accept,
    A::Stream: IntoSocket,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _here = runtime.enter();
        bind()?
    };
    let work = move || runtime.block_on(listen::serve(listener, port::FORWARD, secret, serve));
    thread::Builder::new().name("forward".into()).spawn(work)?;
    Ok(())
}

/// How long the host may take to name the target.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// Serves one connection to its end.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + IntoSocket + Unpin>(mut stream: S) {
    let ended = match read_header(&mut stream).await {
        Ok((Transport::Tcp, target)) => match stream::dial(target).await {
            Ok(container) => stream::carry(stream, container).await,
            Err(refusal) => refuse(stream, refusal).await,
        },
        Ok((Transport::Udp, target)) => match datagrams::open(target).await {
            Ok(container) => datagrams::carry(stream, container).await,
            Err(refusal) => refuse(stream, refusal).await,
        },
        Err(Failed::Refused(refusal)) => refuse(stream, refusal).await,
        Err(Failed::Io(error)) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!("a forwarded connection broke: {error}");
    }
}

enum Failed {
    Refused(Refusal),
    Io(io::Error),
}

async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Transport, SocketAddr), Failed> {
    let mut header = [0; HEADER_LEN];
    timeout(HEADER_DEADLINE, stream.read_exact(&mut header))
        .await
        .map_err(|_| Failed::Refused(Refusal::Malformed))?
        .map_err(Failed::Io)?;
    parse(&header).map_err(Failed::Refused)
}

async fn refuse(mut stream: impl AsyncWrite + Unpin, refusal: Refusal) -> io::Result<()> {
    tracing::debug!("a forwarded connection was refused: {refusal}");
    stream.write_all(&[refusal.status()]).await
}

/// What the system said of a target.
fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Refusal::Refused,
        io::ErrorKind::TimedOut => Refusal::TimedOut,
        _ => Refusal::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::tests::Served;
    use berth_protocol::{
        datagram::{self, Datagrams},
        forward::{header, read_status},
    };
    use std::net::Ipv4Addr;
    use tokio::net::{TcpListener, UdpSocket, UnixStream};

    #[tokio::test]
    async fn bytes_go_both_ways_and_the_end_of_one_leaves_the_other_open() {
        let container = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = container.local_addr().unwrap();
        // A server that answers only after it has everything, as HTTP/1.0 uploads do.
        tokio::spawn(async move {
            let (mut stream, _) = container.accept().await.unwrap();
            let mut all = vec![];
            stream.read_to_end(&mut all).await.unwrap();
            all.reverse();
            stream.write_all(&all).await.unwrap();
        });
        let mut host = Served::new(serve).connect().await;
        let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        host.write_all(&header(Transport::Tcp, target)).await.unwrap();
        assert_eq!(read_status(host.read_u8().await.unwrap()), Ok(()));
        host.write_all(&sent).await.unwrap();
        host.shutdown().await.unwrap();
        let mut back = vec![];
        host.read_to_end(&mut back).await.unwrap();
        back.reverse();
        assert!(back == sent, "{} bytes came back of {}", back.len(), sent.len());
    }

    #[tokio::test]
    async fn a_refusal_is_told_and_the_stream_is_closed() {
        let nobody = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let served = Served::new(serve);
        for (header, refusal) in
            [(header(Transport::Tcp, nobody), Refusal::Refused), ([7; HEADER_LEN], Refusal::Malformed)]
        {
            let mut host = served.connect().await;
            host.write_all(&header).await.unwrap();
            assert_eq!(read_status(host.read_u8().await.unwrap()), Err(refusal));
            assert_eq!(host.read(&mut [0; 1]).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_container_that_is_gone_in_the_middle_ends_the_hosts_stream() {
        let container = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = container.local_addr().unwrap();
        let mut host = Served::new(serve).connect().await;
        host.write_all(&header(Transport::Tcp, target)).await.unwrap();
        let (stream, _) = container.accept().await.unwrap();
        assert_eq!(read_status(host.read_u8().await.unwrap()), Ok(()));
        drop(stream);
        assert_eq!(host.read(&mut [0; 1]).await.unwrap(), 0);
        // What is written to nobody breaks the stream, and does not vanish.
        let told = async { while host.write_all(&[0; 4096]).await.is_ok() {} };
        timeout(Duration::from_secs(5), told).await.unwrap();
    }

    /// A flow to a UDP port of a "container".
    async fn flow(target: SocketAddr) -> UnixStream {
        let mut host = Served::new(serve).connect().await;
        host.write_all(&header(Transport::Udp, target)).await.unwrap();
        host
    }

    async fn next(host: &mut UnixStream, datagrams: &mut Datagrams) -> Vec<u8> {
        let mut bytes = vec![0; 70_000];
        loop {
            if let Some(payload) = datagrams.pop() {
                return payload.to_vec();
            }
            let count = timeout(Duration::from_secs(5), host.read(&mut bytes)).await.unwrap().unwrap();
            assert!(count > 0, "the flow ended");
            datagrams.feed(&bytes[..count]);
        }
    }

    #[tokio::test]
    async fn datagrams_keep_their_bounds_whatever_their_size() {
        let container = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let target = container.local_addr().unwrap();
        tokio::spawn(async move {
            let mut bytes = vec![0; 70_000];
            loop {
                let (count, client) = container.recv_from(&mut bytes).await.unwrap();
                container.send_to(&bytes[..count], client).await.unwrap();
            }
        });
        let mut host = flow(target).await;
        // The largest that IPv4 carries: 65,535 less 20 and 8.
        let sent = [b"hello".to_vec(), vec![], vec![7; 65_507], vec![8; 1]];
        let mut bytes = vec![];
        sent.iter().for_each(|payload| datagram::push(&mut bytes, payload));
        host.write_all(&bytes).await.unwrap();
        assert_eq!(read_status(host.read_u8().await.unwrap()), Ok(()));
        let mut datagrams = Datagrams::default();
        for payload in &sent {
            assert_eq!(next(&mut host, &mut datagrams).await, *payload);
        }
    }

    #[tokio::test]
    async fn a_container_that_refuses_a_datagram_may_take_the_next() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let target = gone.local_addr().unwrap();
        drop(gone);
        let mut host = flow(target).await;
        assert_eq!(read_status(host.read_u8().await.unwrap()), Ok(()));
        let mut one = vec![];
        datagram::push(&mut one, b"anyone?");
        host.write_all(&one).await.unwrap();
        let container = loop {
            match UdpSocket::bind(target).await {
                Ok(container) => break container,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
            }
        };
        // The refusal of the first, which comes as an error of the second, is swallowed; so the second may be lost.
        let mut bytes = [0; 10];
        let received = loop {
            host.write_all(&one).await.unwrap();
            if let Ok(received) = timeout(Duration::from_millis(50), container.recv_from(&mut bytes)).await {
                break received.unwrap();
            }
        };
        assert_eq!(received.0, 7);
        assert_eq!(received.1.ip(), Ipv4Addr::LOCALHOST);
    }
}
