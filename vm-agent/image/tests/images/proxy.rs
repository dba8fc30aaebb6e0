//! A proxy in front of a registry that misbehaves on request.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What becomes of an answer whose path contains a word.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// One bit of the body is turned.
    Flip,
    /// The connection is cut after this many bytes of the body, this often; later answers are whole.
    Cut { after: usize, times: u32 },
    /// Another status and an empty body.
    Status(u16),
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Requests that came with an `Authorization`.
    pub(crate) authorized: Arc<AtomicU32>,
    /// Requests for what the fault is about.
    pub(crate) hits: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn start(registry: u16, about: &'static str, fault: Fault) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (authorized, hits) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counters = (authorized.clone(), hits.clone());
    let task = tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let counters = counters.clone();
            tokio::spawn(async move {
                // A client that goes away in the middle is part of the game.
                serve(client, registry, about, fault, &counters.0, &counters.1).await.ok();
            });
        }
    });
    Proxy { port, authorized, hits, task }
}

async fn head(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            return Ok(lines);
        }
        lines.push(line.trim_end().to_owned());
    }
}

async fn serve(
    client: TcpStream,
    registry: u16,
    about: &str,
    fault: Fault,
    authorized: &AtomicU32,
    hits: &AtomicU32,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let request = head(&mut client).await?;
    if request.iter().any(|line| line.to_lowercase().starts_with("authorization:")) {
        authorized.fetch_add(1, Ordering::SeqCst);
    }
    let hit = request[0].contains(about);
    let number = if hit { hits.fetch_add(1, Ordering::SeqCst) } else { 0 };
    if let (Fault::Status(status), true) = (fault, hit) {
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return client.get_mut().write_all(answer.as_bytes()).await;
    }
    let mut upstream = BufReader::new(TcpStream::connect(("127.0.0.1", registry)).await?);
    for line in request.iter().filter(|line| !line.to_lowercase().starts_with("connection:")) {
        upstream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
    }
    upstream.get_mut().write_all(b"Connection: close\r\n\r\n").await?;
    let answer = head(&mut upstream).await?;
    let mut body = Vec::new();
    upstream.read_to_end(&mut body).await?;
    for line in &answer {
        client.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
    }
    client.get_mut().write_all(b"\r\n").await?;
    match fault {
        Fault::Flip if hit => {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        Fault::Cut { after, times } if hit && number < times => body.truncate(after),
        _ => {}
    }
    client.get_mut().write_all(&body).await?;
    client.get_mut().shutdown().await
}
