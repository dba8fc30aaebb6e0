//! Debian's `docker-registry` on loopback with the test images, and a way to spoil what it says.

use crate::{Build, Secured, eventually, free_port};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A running registry; it ends with this value.
pub struct Registry {
    process: Child,
    port: u16,
    _config: tempfile::NamedTempFile,
    /// Of one that began empty.
    _own: Option<tempfile::TempDir>,
}

/// What a spoiling registry does to a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// Changes one byte in the middle.
    Flip,
    /// Ends the connection half-way.
    Cut,
}

impl Registry {
    /// Starts it with the test images.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start() -> Self {
        Self::at("127.0.0.1")
    }

    /// The same at every address of a network that is the case's own.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn open() -> Self {
        Self::at("0.0.0.0")
    }

    fn at(address: &str) -> Self {
        let storage = Build::registry_storage();
        assert!(storage.exists(), "{} is missing: run `cargo xtask fixtures`", storage.display());
        Self::serve(&storage, |port| format!("http: {{ addr: '{address}:{port}' }}\n"))
    }

    /// Starts one that has nothing, to push to.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn empty() -> Self {
        let storage = tempfile::tempdir().expect("a directory");
        let mut registry = Self::serve(storage.path(), |port| format!("http: {{ addr: '127.0.0.1:{port}' }}\n"));
        registry._own = Some(storage);
        registry
    }

    /// Starts one that has nothing and asks for a password over TLS.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn secured(identity: &Secured) -> Self {
        let storage = tempfile::tempdir().expect("a directory");
        let mut registry = Self::serve(storage.path(), |port| identity.sections(&format!("127.0.0.1:{port}")));
        registry._own = Some(storage);
        registry
    }

    fn serve(storage: &Path, sections: impl Fn(u16) -> String) -> Self {
        let port = free_port();
        let mut config = tempfile::NamedTempFile::new().expect("a config file");
        config.write_all(configuration(storage, &sections(port)).as_bytes()).expect("write the config");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(config.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let registry = Self { process, port, _config: config, _own: None };
        eventually("the registry answers", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
        registry
    }

    /// The port of loopback that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `localhost:PORT/name`, as typed behind `pull`.
    #[must_use]
    pub fn image(&self, name: &str) -> String {
        format!("localhost:{}/{name}", self.port)
    }

    /// A second address of this registry whose blobs are spoilt. It answers as long as the process lives.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn spoilt(&self, how: Spoil) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let upstream = Arc::new(format!("http://127.0.0.1:{}", self.port));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let upstream = Arc::clone(&upstream);
                // A client that goes away in the middle is what the case wants to see.
                std::thread::spawn(move || drop(answer(client, &upstream, how)));
            }
        });
        port
    }
}

/// A configuration of `docker-registry` that keeps everything in `storage`, with more sections.
#[must_use]
pub fn configuration(storage: &Path, sections: &str) -> String {
    format!(
        "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: '{}' }} }}\n{sections}",
        storage.display()
    )
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Answers one request and closes, as HTTP/1.0 does.
fn answer(mut client: TcpStream, upstream: &str, how: Spoil) -> Result<(), Box<dyn std::error::Error>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).ok_or("no path")?;
    let accept =
        head.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let mut request = ureq::get(format!("{upstream}{path}")).config().http_status_as_error(false).build();
    for (_, value) in accept {
        request = request.header("accept", value);
    }
    let mut answer = request.call()?;
    let mut body = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
    let length = body.len();
    if path.contains("/blobs/") && length > 2 {
        match how {
            Spoil::Flip => body[length / 2] ^= 1,
            Spoil::Cut => body.truncate(length / 2),
        }
    }
    write!(client, "HTTP/1.1 {} OK\r\nconnection: close\r\ncontent-length: {length}\r\n", answer.status().as_u16())?;
    for name in ["content-type", "docker-content-digest"] {
        if let Some(value) = answer.headers().get(name).and_then(|value| value.to_str().ok()) {
            write!(client, "{name}: {value}\r\n")?;
        }
    }
    client.write_all(b"\r\n")?;
    if !head.starts_with("HEAD ") {
        client.write_all(&body)?;
    }
    Ok(())
}
