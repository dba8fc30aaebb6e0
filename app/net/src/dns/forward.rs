//! Questions that the system's resolver has no call for, to the name servers it is set to.

use super::Transport;
use hickory_proto::op::{Message, MessageType};
use hickory_resolver::system_conf::read_system_conf;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    task::spawn_blocking,
    time::timeout,
};

/// How long one server may take before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often all of them are asked.
const ROUNDS: usize = 2;

/// The answer to `question` as a name server gave it.
pub(super) async fn ask(bytes: &[u8], question: &Message, transport: Transport) -> Option<Vec<u8>> {
    let servers = servers().await;
    for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
        let asked = async {
            match transport {
                Transport::Datagram => by_datagram(*server, bytes, question).await,
                Transport::Stream => by_stream(*server, bytes, question).await,
            }
        };
        match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server does not answer"),
            Err(_) => tracing::debug!(%server, "a name server does not answer in time"),
        }
    }
    None
}

/// Read each time: a VPN or another network changes them.
async fn servers() -> Vec<SocketAddr> {
    let read = || {
        let (config, _) = read_system_conf().ok()?;
        let servers = config.name_servers.into_iter();
        Some(servers.map(|server| {
            let port = server.connections.first().map_or(super::PORT, |connection| connection.port);
            SocketAddr::new(server.ip, port)
        }))
    };
    let mut servers: Vec<SocketAddr> =
        spawn_blocking(move || read().into_iter().flatten().collect()).await.unwrap_or_default();
    servers.dedup();
    servers
}

async fn by_datagram(server: SocketAddr, bytes: &[u8], question: &Message) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let (asked, id) = renumbered(bytes)?;
    socket.send(&asked).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut answer).await?;
        if let Some(answer) = checked(&answer[..length], id, question) {
            return Ok(answer);
        }
    }
}

async fn by_stream(server: SocketAddr, bytes: &[u8], question: &Message) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let (asked, id) = renumbered(bytes)?;
    let length = u16::try_from(asked.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &asked].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    checked(&answer, id, question).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The question under a number that nobody outside can guess.
fn renumbered(bytes: &[u8]) -> io::Result<(Vec<u8>, [u8; 2])> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let mut asked = bytes.to_vec();
    asked.get_mut(..2).ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(&id);
    Ok((asked, id))
}

/// The answer under the guest's number, when it is one to its question.
fn checked(answer: &[u8], id: [u8; 2], question: &Message) -> Option<Vec<u8>> {
    let read = Message::from_vec(answer).ok()?;
    let fits = read.metadata.message_type == MessageType::Response
        && read.metadata.id.to_be_bytes() == id
        && read.queries == question.queries;
    fits.then(|| [&question.metadata.id.to_be_bytes()[..], &answer[2..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::tests::question;
    use hickory_proto::rr::RecordType;

    #[tokio::test]
    async fn only_the_answer_to_the_question_is_taken_and_it_gets_the_number_of_the_guest() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let asked = question("mail.example.", RecordType::MX);
        let answers = tokio::spawn(async move {
            let mut bytes = vec![0; 512];
            let (length, from) = server.recv_from(&mut bytes).await.unwrap();
            let seen = Message::from_vec(&bytes[..length]).unwrap();
            let mut other = question("other.example.", RecordType::MX).into_response();
            other.metadata.id = seen.metadata.id;
            let mut guessed = seen.clone().into_response();
            guessed.metadata.id ^= 1;
            let mut right = seen.clone().into_response();
            right.metadata.authoritative = true;
            for answer in [other, guessed, seen.clone(), right] {
                server.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        });
        let answer = by_datagram(address, &asked.to_vec().unwrap(), &asked).await.unwrap();
        let answer = Message::from_vec(&answer).unwrap();
        assert!(answer.metadata.authoritative && answer.metadata.id == 4711);
        answers.await.unwrap();
    }
}
