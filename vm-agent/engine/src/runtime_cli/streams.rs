//! Attaching to a monitor: a line of JSON, then frames both ways, `kind(1) length(4, big endian) bytes`.

use super::monitor::connect;
use crate::{
    Timestamp,
    log::Stdio,
    seam::{AttachRequest, Attached, ProcessInput, ProcessOutput, RuntimeError, StartError},
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{io, path::Path};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixStream, unix::OwnedWriteHalf},
};

/// The most input in one frame, bytes; the monitor takes no more.
const MAX_INPUT: usize = 64 << 10;
/// No frame of output is larger: the monitor reads at most this much at once. Bytes.
const MAX_OUTPUT: u32 = 1 << 20;

/// What a client is told that did not take its output in time; on a terminal too.
const LEFT_BEHIND: &[u8] = b"\r\nthe output goes on without this client, which did not keep up with it\r\n";

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Done {},
    Attached { at: String },
    Error { kind: String, message: String },
}

/// Asks for one thing that is done or fails.
pub(super) async fn ask(place: &Path, request: Value) -> Result<(), StartError> {
    let gone = |e: io::Error| StartError::Other(format!("the monitor is gone: {e}"));
    let mut stream = BufReader::new(connect(place).await.map_err(gone)?);
    match exchange(&mut stream, request).await.map_err(gone)? {
        Answer::Done {} => Ok(()),
        Answer::Error { kind, message } => Err(super::start_error(&kind, message)),
        Answer::Attached { .. } => Err(StartError::Other("the monitor is not understood".to_owned())),
    }
}

/// [`ask`], of a process that may have ended.
pub(super) async fn ask_running(place: &Path, request: Value) -> Result<(), RuntimeError> {
    if super::monitor::read_exit(place).await.is_some() {
        return Err(RuntimeError::Gone);
    }
    ask(place, request).await.map_err(|e| RuntimeError::Failed(e.to_string()))
}

pub(super) async fn attach(place: &Path, request: AttachRequest) -> Result<Attached, RuntimeError> {
    let AttachRequest { input, close_input, stdout, stderr, pending, lossless } = request;
    let request = json!({ "attach": {
        "input": input, "close_input": close_input, "output": stdout, "error": stderr, "pending": pending, "lossless": lossless,
    } });
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::UnexpectedEof => RuntimeError::Gone,
        _ => RuntimeError::Failed(format!("the monitor cannot be asked: {e}")),
    };
    let mut stream = BufReader::new(connect(place).await.map_err(failed)?);
    let at = match exchange(&mut stream, request).await.map_err(failed)? {
        Answer::Attached { at } => at,
        Answer::Error { message, .. } => return Err(RuntimeError::Failed(message)),
        Answer::Done {} => return Err(RuntimeError::Failed("the monitor is not understood".to_owned())),
    };
    let at =
        Timestamp::parse_rfc3339(&at).ok_or_else(|| RuntimeError::Failed("the monitor told no time".to_owned()))?;
    // What was read behind the line is output already.
    let ahead = Bytes::copy_from_slice(stream.buffer());
    let (reader, writer) = stream.into_inner().into_split();
    Ok(Attached { at, output: output(ahead, reader), input: Box::new(Input(Some(writer))) })
}

async fn exchange(stream: &mut BufReader<UnixStream>, request: Value) -> io::Result<Answer> {
    stream.get_mut().write_all(format!("{request}\n").as_bytes()).await?;
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match serde_json::from_str(&line) {
        Ok(answer) => Ok(answer),
        // One that waited for nothing hears of the end all the same.
        Err(_) if line.contains("\"exited\"") => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(e) => Err(io::Error::other(e)),
    }
}

pub(super) fn output(ahead: Bytes, reader: impl AsyncRead + Send + Unpin + 'static) -> ProcessOutput {
    let reader = BufReader::with_capacity(MAX_INPUT, io::Cursor::new(ahead).chain(reader));
    stream::try_unfold(reader, |mut reader| async move {
        let kind = match reader.read_u8().await {
            Ok(kind) => kind,
            Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        let length = reader.read_u32().await?;
        let stdio = match kind {
            1 => Stdio::Stdout,
            2 => Stdio::Stderr,
            3 if length == 0 => return Ok(Some(((Stdio::Stderr, Bytes::from_static(LEFT_BEHIND)), reader))),
            _ => return Err(io::Error::other("a frame is of no kind")),
        };
        if length > MAX_OUTPUT {
            return Err(io::Error::other("a frame is too large"));
        }
        let mut piece = BytesMut::zeroed(usize::try_from(length).unwrap_or(0));
        reader.read_exact(&mut piece).await?;
        Ok(Some(((stdio, piece.freeze()), reader)))
    })
    .boxed()
}

/// `None` only while it is dropped.
struct Input(Option<OwnedWriteHalf>);

impl Drop for Input {
    /// The monitor takes the end of a connection's one direction for the end of the client, who may still listen.
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            writer.forget();
        }
    }
}

#[async_trait]
impl ProcessInput for Input {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.chunks(MAX_INPUT) {
            self.frame(chunk).await?;
        }
        Ok(())
    }

    async fn close(&mut self) -> io::Result<()> {
        self.frame(&[]).await
    }
}

impl Input {
    async fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?.to_be_bytes();
        let head = [0, length[0], length[1], length[2], length[3]];
        let writer = self.0.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        writer.write_all(&[&head, bytes].concat()).await
    }
}
