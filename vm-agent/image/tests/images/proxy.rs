//! A proxy in front of a registry that misbehaves on request.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What becomes of an answer whose path contains a word.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// One bit of the body is turned.
    Flip,
    /// The connection is cut after this many bytes of the body, this often; later answers are whole.
    Cut { after: usize, times: u32 },
    /// The same of a registry that knows no ranges.
    CutWithoutRange { after: usize, times: u32 },
    /// Another status and an empty body.
    Status(u16),
    /// Another status, this often.
    Busy { status: u16, times: u32 },
    /// The connection is cut after this many bytes of a part of an upload, this often. What came is passed on, or kept
    /// back as by a proxy that waits for the whole of a request.
    CutUpload { after: usize, times: u32, passes_on: bool },
    /// Parts of uploads are refused.
    Parts,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Requests that came with an `Authorization`.
    pub(crate) authorized: Arc<AtomicU32>,
    /// Requests for what the fault is about.
    pub(crate) hits: Arc<AtomicU32>,
    /// Bytes of uploads that came.
    pub(crate) uploaded: Arc<AtomicU64>,
    /// Bytes of blobs that went.
    pub(crate) blobs: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn start(registry: u16, about: &'static str, fault: Fault) -> Proxy {
    start_at(registry, about, fault, 0).await
}

/// With the first so many requests that the fault is about left in peace.
pub(crate) async fn start_at(registry: u16, about: &'static str, fault: Fault, first: u32) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (authorized, hits) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (uploaded, blobs) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counters = Counters {
        authorized: Arc::clone(&authorized),
        hits: Arc::clone(&hits),
        uploaded: Arc::clone(&uploaded),
        blobs: Arc::clone(&blobs),
        first,
    };
    let task = tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let counters = counters.clone();
            tokio::spawn(async move {
                // A client that goes away in the middle is part of the game.
                serve(client, registry, about, fault, &counters).await.ok();
            });
        }
    });
    Proxy { port, authorized, hits, uploaded, blobs, task }
}

#[derive(Clone)]
struct Counters {
    authorized: Arc<AtomicU32>,
    hits: Arc<AtomicU32>,
    uploaded: Arc<AtomicU64>,
    blobs: Arc<AtomicU64>,
    first: u32,
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

/// Whether a line of a request is not passed on.
fn drops(line: &str, fault: Fault) -> bool {
    let line = line.to_lowercase();
    line.starts_with("connection:") || (matches!(fault, Fault::CutWithoutRange { .. }) && line.starts_with("range:"))
}

async fn serve(
    client: TcpStream,
    registry: u16,
    about: &str,
    fault: Fault,
    counters: &Counters,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let request = head(&mut client).await?;
    if request.iter().any(|line| line.to_lowercase().starts_with("authorization:")) {
        counters.authorized.fetch_add(1, Ordering::SeqCst);
    }
    let mut hit = request[0].contains(about);
    let number = if hit { counters.hits.fetch_add(1, Ordering::SeqCst) } else { 0 };
    hit &= number >= counters.first;
    let number = number.saturating_sub(counters.first);
    let refused = match fault {
        Fault::Status(status) if hit => Some(status),
        Fault::Busy { status, times } if hit && number < times => Some(status),
        _ => None,
    };
    if let Some(status) = refused {
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return client.get_mut().write_all(answer.as_bytes()).await;
    }
    let length = request.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut sent = vec![0; length.unwrap_or(0)];
    let cut = match fault {
        Fault::CutUpload { after, times, .. } if hit && number < times => Some(after),
        _ => None,
    };
    let comes = cut.unwrap_or(sent.len()).min(sent.len());
    client.read_exact(&mut sent[..comes]).await?;
    if request[0].starts_with("PATCH ") {
        counters.uploaded.fetch_add(comes as u64, Ordering::SeqCst);
    }
    if cut.is_some() && !matches!(fault, Fault::CutUpload { passes_on: true, .. }) {
        return Ok(());
    }
    if hit
        && matches!(fault, Fault::Parts)
        && request.iter().any(|line| line.to_lowercase().starts_with("content-range:"))
    {
        let answer = "HTTP/1.1 400 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return client.get_mut().write_all(answer.as_bytes()).await;
    }
    let mut upstream = BufReader::new(TcpStream::connect(("127.0.0.1", registry)).await?);
    for line in request.iter().filter(|line| !drops(line, fault)) {
        upstream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
    }
    upstream.get_mut().write_all(b"Connection: close\r\n\r\n").await?;
    upstream.get_mut().write_all(&sent[..comes]).await?;
    if cut.is_some() {
        return upstream.get_mut().shutdown().await;
    }
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
        Fault::Cut { after, times } | Fault::CutWithoutRange { after, times } if hit && number < times => {
            body.truncate(after);
        }
        _ => {}
    }
    if request[0].starts_with("GET ") && request[0].contains("/blobs/") {
        counters.blobs.fetch_add(body.len() as u64, Ordering::SeqCst);
    }
    client.get_mut().write_all(&body).await?;
    client.get_mut().shutdown().await
}
