//! Standard streams of containers and of what is executed in them: connections that stop being HTTP.
//!
//! Docker's format of the output (docs.docker.com, Engine API, "Attach to a container"): raw for a terminal, else frames
//! of `kind(1: 1 stdout, 2 stderr) 0(3) length(4, BE) bytes`.

use super::{Client, containers::Output, http, segment};
use crate::{container::LogChunk, error::Error};
use ::http::{HeaderValue, Method, Response, header::CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio_util::io::StreamReader;

/// Read at once, bytes.
const CHUNK: usize = 64 << 10;
/// The longest frame taken, bytes; the engine sends shorter ones.
const MAX_FRAME: usize = 16 << 20;

/// Both ends of standard streams.
pub struct Attached {
    /// What is written.
    pub output: Output,
    /// What is read; shutting it down is its end of file.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// Which streams of a container, and how they are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// Send standard input.
    pub stdin: bool,
    /// Get standard output.
    pub stdout: bool,
    /// Get standard error.
    pub stderr: bool,
    /// The container has a terminal.
    pub tty: bool,
    /// The keys that leave a terminal, as `ctrl-p,ctrl-q`; `None` is the engine's choice.
    pub detach_keys: Option<String>,
}

/// Something to execute in a running container. `Default` is docker's default for all but `cmd`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecRequest {
    /// The program and its arguments.
    pub cmd: Vec<String>,
    /// `KEY=value`, in order.
    pub env: Vec<String>,
    /// `user[:group]`, names or numbers; the container's own for `None`.
    pub user: Option<String>,
    /// Its working directory; the container's own for `None`.
    pub working_dir: Option<String>,
    /// All capabilities.
    pub privileged: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// Send its standard input.
    pub attach_stdin: bool,
    /// Get its standard output.
    pub attach_stdout: bool,
    /// Get its standard error.
    pub attach_stderr: bool,
    /// The keys that leave its terminal; `None` is the engine's choice.
    pub detach_keys: Option<String>,
    /// Rows and columns of its terminal at first.
    pub console_size: Option<[u16; 2]>,
}

#[derive(serde::Deserialize)]
struct Created {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(serde::Deserialize)]
struct Inspected {
    #[serde(rename = "Running")]
    running: bool,
    #[serde(rename = "ExitCode")]
    exit_code: Option<i64>,
}

impl Client {
    /// Attaches to a container's standard streams; to lose nothing, before it is started.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn attach(&self, name: &str, options: &AttachOptions) -> Result<Attached, Error> {
        let AttachOptions { stdin, stdout, stderr, tty, detach_keys } = options;
        let on = |key: &str, on: bool| if on { format!("&{key}=1") } else { String::new() };
        let mut path = format!("/containers/{}/attach?stream=1", segment("container", name)?);
        path += &[on("stdin", *stdin), on("stdout", *stdout), on("stderr", *stderr)].concat();
        if let Some(keys) = detach_keys {
            path += &format!("&detachKeys={}", http::query_value(keys));
        }
        let connection = http::hijack(&self.home, &path, None).await?;
        Ok(attached(connection, *tty))
    }

    /// Makes ready to execute something in a running container; gives the exec's id.
    ///
    /// # Errors
    /// Those of every request; 409 when the container does not run.
    pub async fn create_exec(&self, name: &str, request: &ExecRequest) -> Result<String, Error> {
        let path = format!("/containers/{}/exec", segment("container", name)?);
        Ok(http::post::<_, Created>(&self.home, &path, request).await?.id)
    }

    /// Starts an exec that is attached to. What keeps its program from running comes as output.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn start_exec(&self, id: &str, tty: bool) -> Result<Attached, Error> {
        let path = format!("/exec/{}/start", segment("exec", id)?);
        let body = json!({ "Detach": false, "Tty": tty }).to_string();
        Ok(attached(http::hijack(&self.home, &path, Some(body)).await?, tty))
    }

    /// Starts an exec that goes on by itself.
    ///
    /// # Errors
    /// Those of every request; when its program cannot run.
    pub async fn start_exec_detached(&self, id: &str) -> Result<(), Error> {
        let path = format!("/exec/{}/start", segment("exec", id)?);
        http::post_for_nothing(&self.home, &path, &json!({ "Detach": true })).await
    }

    /// The exit code of an exec; `None` while it runs.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn exec_exit_code(&self, id: &str) -> Result<Option<i64>, Error> {
        let path = format!("/exec/{}/json", segment("exec", id)?);
        let Inspected { running, exit_code } = http::json(&self.home, Method::GET, &path).await?;
        Ok(exit_code.filter(|_| !running))
    }

    /// Tells a container's terminal its size.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn resize(&self, name: &str, columns: u16, rows: u16) -> Result<(), Error> {
        let path = format!("/containers/{}/resize?h={rows}&w={columns}", segment("container", name)?);
        http::body(http::send(&self.home, Method::POST, &path).await?).await.map(drop)
    }

    /// Tells an exec's terminal its size.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn resize_exec(&self, id: &str, columns: u16, rows: u16) -> Result<(), Error> {
        let path = format!("/exec/{}/resize?h={rows}&w={columns}", segment("exec", id)?);
        http::body(http::send(&self.home, Method::POST, &path).await?).await.map(drop)
    }
}

/// The output that an answer streams: raw for a terminal, or what it says of itself.
pub(super) fn output(answer: Response<Incoming>) -> Output {
    let kind = answer.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let framed = kind == Some(b"application/vnd.docker.multiplexed-stream");
    let reader = StreamReader::new(BodyDataStream::new(answer.into_body()).map_err(std::io::Error::other));
    if framed { frames(reader) } else { raw(reader) }
}

fn attached(connection: http::Hijacked, tty: bool) -> Attached {
    let (reader, writer) = tokio::io::split(connection);
    let output = if tty { raw(reader) } else { frames(reader) };
    Attached { output, input: Box::pin(writer) }
}

fn broken(error: &std::io::Error) -> Error {
    Error::Broken(error.to_string())
}

fn raw(reader: impl AsyncRead + Send + Unpin + 'static) -> Output {
    Box::pin(stream::try_unfold(reader, |mut reader| async move {
        let mut bytes = BytesMut::with_capacity(CHUNK);
        let length = reader.read_buf(&mut bytes).await.map_err(|error| broken(&error))?;
        Ok((length > 0).then(|| (LogChunk { stderr: false, bytes: bytes.freeze() }, reader)))
    }))
}

pub(super) fn frames(reader: impl AsyncRead + Send + Unpin + 'static) -> Output {
    let reader = BufReader::with_capacity(CHUNK, reader);
    Box::pin(stream::try_unfold(reader, |mut reader| async move {
        let Some((stderr, bytes)) = frame(&mut reader).await? else { return Ok(None) };
        Ok(Some((LogChunk { stderr, bytes }, reader)))
    }))
}

/// The next frame; `None` at an end between two of them.
async fn frame(reader: &mut (impl AsyncRead + Unpin)) -> Result<Option<(bool, Bytes)>, Error> {
    let mut kind = [0];
    if reader.read(&mut kind).await.map_err(|error| broken(&error))? == 0 {
        return Ok(None);
    }
    let mut head = [0; 7];
    reader.read_exact(&mut head).await.map_err(|error| broken(&error))?;
    let [0, 0, 0, length @ ..] = head else { return Err(Error::Broken("the output has no frames".into())) };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if kind[0] > 2 || length > MAX_FRAME {
        return Err(Error::Broken("the output has no frames".into()));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).await.map_err(|error| broken(&error))?;
    Ok(Some((kind[0] == 2, bytes.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    #[tokio::test]
    async fn frames_come_apart_and_nonsense_is_an_error() {
        let wire = b"\x01\0\0\0\0\0\0\x02hi\x02\0\0\0\0\0\0\x03err\x01\0\0\0\0\0\0\0";
        let chunks: Vec<LogChunk> = frames(&wire[..]).try_collect().await.unwrap();
        let seen: Vec<_> = chunks.iter().map(|chunk| (chunk.stderr, &chunk.bytes[..])).collect();
        assert_eq!(seen, [(false, &b"hi"[..]), (true, b"err"), (false, b"")]);
        for wire in [
            &b"\x07\0\0\0\0\0\0\x01x"[..],
            b"\x01\0\0\0\xff\0\0\0",
            b"\x01\0\0\0\0\0\0\x09short",
            b"\x01\0",
            b"text is none",
        ] {
            assert!(matches!(frames(wire).try_collect::<Vec<_>>().await, Err(Error::Broken(_))), "{wire:?}");
        }
    }

    #[tokio::test]
    async fn a_terminals_output_is_what_it_is() {
        let chunks: Vec<LogChunk> = raw(&b"\x01\x02\0raw"[..]).try_collect().await.unwrap();
        assert_eq!(chunks[0].bytes, &b"\x01\x02\0raw"[..]);
    }

    #[test]
    fn a_request_is_what_docker_sends() {
        let request = ExecRequest { cmd: vec!["sh".into()], attach_stdout: true, ..ExecRequest::default() };
        let json = serde_json::to_value(request).unwrap();
        assert_eq!((&json["Cmd"][0], &json["AttachStdout"], &json["User"]), (&json!("sh"), &json!(true), &json!(null)));
    }
}
