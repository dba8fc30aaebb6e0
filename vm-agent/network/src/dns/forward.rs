//! A question that is not ours, to the servers of the outside and back, byte for byte.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// How long one server may take. Clients wait 5 s and ask twice: two servers have their turn within the first.
const EACH: Duration = Duration::from_secs(2);
/// No message is longer.
const LONGEST: usize = u16::MAX as usize;

/// Asks one server after the other by datagram, until one answers with more than a failure of its own.
pub(super) async fn by_datagram(question: &[u8], servers: &[SocketAddr]) -> Option<Vec<u8>> {
    first_good(servers, |server| datagram(question, server)).await
}

/// The same by stream.
pub(super) async fn by_stream(question: &[u8], servers: &[SocketAddr]) -> Option<Vec<u8>> {
    first_good(servers, |server| stream(question, server)).await
}

async fn first_good<F: Future<Output = io::Result<Vec<u8>>>>(
    servers: &[SocketAddr],
    ask: impl Fn(SocketAddr) -> F,
) -> Option<Vec<u8>> {
    let mut last = None;
    for server in servers {
        match timeout(EACH, ask(*server)).await {
            Ok(Ok(answer)) if is_failure(&answer) => last = Some(answer),
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(e)) => tracing::debug!("the name server {server} gave no answer: {e}"),
            Err(_) => tracing::debug!("the name server {server} gave no answer in time"),
        }
    }
    last
}

async fn datagram(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A socket for each question, so that its port is one that nobody can guess.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; LONGEST];
    loop {
        let len = socket.recv(&mut answer).await?;
        if answers(&answer[..len], question) {
            answer.truncate(len);
            return Ok(answer);
        }
    }
}

async fn stream(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, question).await?;
    let answer = read(&mut stream).await?;
    if answers(&answer, question) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// One message of a stream: its length in two bytes, then itself.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let len = stream.read_u16().await?;
    let mut message = vec![0; len.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one message at once, so that it is one segment.
pub(super) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let len = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&len.to_be_bytes(), message].concat()).await
}

/// Whether a message is the answer to the question: the same id, an answer, and the question itself when there is one.
pub(super) fn answers(message: &[u8], question: &[u8]) -> bool {
    let (Some(answer), Some(asked)) = (message.first_chunk::<12>(), question.first_chunk::<12>()) else {
        return false;
    };
    let same_id = answer[..2] == asked[..2];
    let is_answer = answer[2] & 0x80 != 0;
    let repeats = answer[4..6] == [0, 0] || name(message).is_some_and(|name| Some(name) == self::name(question));
    same_id && is_answer && repeats
}

/// The name that is asked for, in lower case: servers may change its case.
fn name(message: &[u8]) -> Option<Vec<u8>> {
    let rest = message.get(12..)?;
    let mut at = 0;
    loop {
        match usize::from(*rest.get(at)?) {
            // Type and class belong to it.
            0 => return Some(rest.get(..at + 5)?.to_ascii_lowercase()),
            label @ 1..=63 => at += label + 1,
            _ => return None,
        }
    }
}

/// SERVFAIL, NOTIMP and REFUSED say nothing about the name.
fn is_failure(message: &[u8]) -> bool {
    message.get(3).is_some_and(|flags| matches!(flags & 0x0f, 2 | 4 | 5))
}
