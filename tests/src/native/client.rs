//! A client of the API that adds next to nothing to what it measures: one connection, one request at a time.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body of a request that must succeed, as JSON; null when it is empty.
    ///
    /// # Panics
    /// When the request failed or the body is no JSON.
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).expect("JSON") }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What a stream of the engine brings.
pub struct Pieces(Client);

impl Iterator for Pieces {
    type Item = std::io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Vec::new();
        match self.0.chunk(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A connection.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn to(socket: &Path) -> Self {
        Self::try_to(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()))
    }

    /// Connects to an engine that may be dead.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn try_to(socket: &Path) -> std::io::Result<Self> {
        Ok(Self { stream: BufReader::new(UnixStream::connect(socket)?) })
    }

    /// Sends a request with a JSON body.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn request(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_request(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As [`Client::request`], for an engine that may be killed meanwhile.
    ///
    /// # Errors
    /// When the connection breaks; whether the request was carried out is not known then.
    pub fn try_request(&mut self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.exchange(method, path, "application/json", body.as_bytes())
    }

    /// `docker load`.
    ///
    /// # Panics
    /// When it fails.
    pub fn load(&mut self, archive: &[u8]) {
        let answer = self.send("POST", "/images/load?quiet=1", archive);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Sends an archive.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn send(&mut self, method: &str, path: &str, archive: &[u8]) -> Answer {
        self.try_send(method, path, archive).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As [`Client::send`], for a connection that may break.
    ///
    /// # Errors
    /// When it does.
    pub fn try_send(&mut self, method: &str, path: &str, archive: &[u8]) -> std::io::Result<Answer> {
        self.exchange(method, path, "application/x-tar", archive)
    }

    /// Creates a container: its id.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn create(&mut self, name: &str, body: &Value) -> String {
        let made = self.request("POST", &format!("/containers/create?name={name}"), Some(body)).ok();
        made["Id"].as_str().expect("an id").to_owned()
    }

    /// Begins a stream that goes on until the engine ends it: what comes, piece by piece.
    ///
    /// # Panics
    /// When the engine refuses.
    #[must_use]
    pub fn follow(mut self, method: &str, path: &str) -> Pieces {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: docker\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).expect("send a request");
        let head = self.head().expect("an answer");
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line == "transfer-encoding: chunked"), "{head:?}");
        Pieces(self)
    }

    fn exchange(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: docker\r\n");
        if method != "GET" {
            request += &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        }
        let mut bytes = (request + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        match self.stream.get_mut().write_all(&bytes) {
            // Who refuses an archive says so before all of it has come.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
        let head = self.head()?;
        let value = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let status = head[0].split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| broken("no status"))?;
        let mut body = Vec::new();
        if let Some(length) = value("content-length:") {
            body.resize(length.parse().map_err(|_| broken("a length that is no number"))?, 0);
            self.stream.read_exact(&mut body)?;
        } else if value("transfer-encoding:") == Some("chunked") {
            self.chunks(&mut body)?;
        }
        Ok(Answer { status, body })
    }

    /// The lines of a head: the first as it came, the names of the others in lower case.
    fn head(&mut self) -> std::io::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                _ if line.is_empty() => return Ok(lines),
                Some((name, value)) if !lines.is_empty() => {
                    lines.push(format!("{}:{value}", name.to_ascii_lowercase()));
                }
                _ => lines.push(line),
            }
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> std::io::Result<()> {
        while self.chunk(body)? > 0 {}
        Ok(())
    }

    /// The next chunk, and its length: 0 for the last.
    fn chunk(&mut self, body: &mut Vec<u8>) -> std::io::Result<u64> {
        let length = u64::from_str_radix(&self.line()?, 16).map_err(|_| broken("a chunk without a length"))?;
        let read = (&mut self.stream).take(length).read_to_end(body)?;
        if read as u64 != length || !self.line()?.is_empty() {
            return Err(broken("a chunk that is cut off"));
        }
        Ok(length)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("the answer has {what}"))
}
