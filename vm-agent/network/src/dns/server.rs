//! The tasks behind the sockets.

use super::{
    answer::{Carrier, Verdict, answer},
    forward, listen,
    names::Look,
};
use crate::Error;
use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

/// Questions of one container that may be on their way outside; docker's number.
const UNDER_WAY: usize = 1024;
/// Streams of one container.
const STREAMS: usize = 64;
/// How long a stream may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// After the system refused to accept or to read.
const PAUSE: Duration = Duration::from_millis(100);
/// No datagram is longer.
const LONGEST: usize = u16::MAX as usize;

/// The name server of one container. Dropping it closes its sockets.
#[derive(Debug)]
pub struct Resolver {
    tasks: [JoinHandle<()>; 2],
}

/// What both tasks need.
struct Desk {
    names: Look,
    outside: Vec<SocketAddr>,
    turn: AtomicUsize,
    under_way: Semaphore,
}

impl Resolver {
    /// Listens inside the namespace, which is named by a file. `outside` are the servers for every name that `names`
    /// does not know, in order; they are asked from the caller's own namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or its rules cannot be set.
    pub async fn open(namespace: PathBuf, nft: PathBuf, names: Look, outside: Vec<SocketAddr>) -> Result<Self, Error> {
        let (datagrams, streams) = listen::open(namespace.clone(), nft).await?;
        let datagrams = UdpSocket::from_std(datagrams).map_err(Error::io("listen for names in", &namespace))?;
        let streams = TcpListener::from_std(streams).map_err(Error::io("listen for names in", &namespace))?;
        let desk = Desk { names, outside, turn: AtomicUsize::new(0), under_way: Semaphore::new(UNDER_WAY) };
        let desk = Arc::new(desk);
        let tasks = [
            tokio::spawn(serve_datagrams(Arc::new(datagrams), Arc::clone(&desk))),
            tokio::spawn(serve_streams(streams, desk)),
        ];
        Ok(Self { tasks })
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Desk {
    /// What is known at once.
    fn verdict(&self, question: &[u8], carrier: Carrier) -> Verdict {
        answer(question, carrier, &*(self.names)(), self.turn.fetch_add(1, Ordering::Relaxed))
    }

    /// The answer of the outside, or the one for want of it: at once when too many questions are out already.
    async fn ask_outside(&self, question: &[u8], carrier: Carrier, otherwise: Vec<u8>) -> Vec<u8> {
        let Ok(_permit) = self.under_way.try_acquire() else { return otherwise };
        let answer = match carrier {
            Carrier::Datagram => forward::by_datagram(question, &self.outside).await,
            Carrier::Stream => forward::by_stream(question, &self.outside).await,
        };
        answer.unwrap_or(otherwise)
    }
}

async fn serve_datagrams(socket: Arc<UdpSocket>, desk: Arc<Desk>) {
    // Ends with this task, and its members with it.
    let mut forwarded = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        while forwarded.try_join_next().is_some() {}
        let (len, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(e) => {
                tracing::debug!("a question was not read: {e}");
                sleep(PAUSE).await;
                continue;
            }
        };
        match desk.verdict(&buffer[..len], Carrier::Datagram) {
            Verdict::Reply(answer) => send(&socket, &answer, client).await,
            Verdict::Ignore => {}
            Verdict::Forward { otherwise } => {
                let (socket, desk, question) = (Arc::clone(&socket), Arc::clone(&desk), buffer[..len].to_vec());
                forwarded.spawn(async move {
                    let answer = desk.ask_outside(&question, Carrier::Datagram, otherwise).await;
                    send(&socket, &answer, client).await;
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], client: SocketAddr) {
    if let Err(e) = socket.send_to(answer, client).await {
        tracing::debug!("an answer did not reach {client}: {e}");
    }
}

async fn serve_streams(listener: TcpListener, desk: Arc<Desk>) {
    let mut open = JoinSet::new();
    loop {
        if open.len() >= STREAMS {
            open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, client)) => {
                let desk = Arc::clone(&desk);
                open.spawn(async move {
                    if let Err(e) = serve_stream(stream, &desk).await {
                        tracing::debug!("a stream of questions from {client} ended: {e}");
                    }
                });
            }
            Err(e) => {
                tracing::debug!("a stream of questions was not accepted: {e}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Questions one after the other, until the client is done.
async fn serve_stream(mut stream: TcpStream, desk: &Desk) -> io::Result<()> {
    loop {
        let question = match timeout(IDLE, forward::read(&mut stream)).await {
            Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(question) => question?,
            Err(_) => return Ok(()),
        };
        let answer = match desk.verdict(&question, Carrier::Stream) {
            Verdict::Reply(answer) => answer,
            Verdict::Ignore => return Ok(()),
            Verdict::Forward { otherwise } => desk.ask_outside(&question, Carrier::Stream, otherwise).await,
        };
        timeout(IDLE, forward::write(&mut stream, &answer)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
}
