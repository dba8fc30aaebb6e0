//! One forwarded TCP stream: the host names an address of a container, the guest dials it and carries the bytes.

use berth_protocol::forward::{CONNECTED, HEADER_LEN, Refusal, parse};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes},
    net::TcpStream,
    time::timeout,
};

/// How long the host may take to name the target.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// How long the container may take to answer.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes carried at once in each direction; a vsock packet holds no more.
const CHUNK: usize = 64 << 10;

/// Serves one connection to its end.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let ended = match open(&mut stream).await {
        Ok(container) => carry(stream, container).await,
        Err(Failed::Refused(refusal)) => {
            tracing::debug!("a forwarded stream was refused: {refusal}");
            stream.write_all(&[refusal.status()]).await
        }
        Err(Failed::Io(error)) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!("a forwarded stream broke: {error}");
    }
}

enum Failed {
    Refused(Refusal),
    Io(io::Error),
}

async fn open(stream: &mut (impl AsyncRead + Unpin)) -> Result<TcpStream, Failed> {
    let mut header = [0; HEADER_LEN];
    timeout(HEADER_DEADLINE, stream.read_exact(&mut header))
        .await
        .map_err(|_| Failed::Refused(Refusal::Malformed))?
        .map_err(Failed::Io)?;
    let target = parse(&header).map_err(Failed::Refused)?;
    dial(target).await.map_err(Failed::Refused)
}

async fn dial(target: SocketAddr) -> Result<TcpStream, Refusal> {
    match timeout(CONNECT_DEADLINE, TcpStream::connect(target)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionRefused => Refusal::Refused,
            io::ErrorKind::TimedOut => Refusal::TimedOut,
            _ => Refusal::Unreachable,
        }),
        Err(_) => Err(Refusal::TimedOut),
    }
}

/// Carries both ways. The end of one direction is passed on, and the other goes on until its own.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, mut container: TcpStream) -> io::Result<()> {
    container.set_nodelay(true)?;
    stream.write_all(&[CONNECTED]).await?;
    stream.flush().await?;
    copy_bidirectional_with_sizes(&mut stream, &mut container, CHUNK, CHUNK).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::tests::Served;
    use berth_protocol::forward::{header, read_status};
    use tokio::net::TcpListener;

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
        host.write_all(&header(target)).await.unwrap();
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
        for (header, refusal) in [(header(nobody), Refusal::Refused), ([7; HEADER_LEN], Refusal::Malformed)] {
            let mut host = served.connect().await;
            host.write_all(&header).await.unwrap();
            assert_eq!(read_status(host.read_u8().await.unwrap()), Err(refusal));
            assert_eq!(host.read(&mut [0; 1]).await.unwrap(), 0);
        }
    }
}
