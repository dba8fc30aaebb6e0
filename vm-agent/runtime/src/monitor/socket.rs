//! `monitor.sock`: where an engine, now or after a restart, waits for the end of the container.

use std::{
    fs::{self, File, Permissions},
    io::{ErrorKind, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::failure::{Context, Failure};

const NAME: &str = "monitor.sock";
/// A request is one short line; a client that sends more is not one of ours.
const MAX_REQUEST: usize = 4096;

/// The listening socket.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens at `directory/monitor.sock`, for root only.
    ///
    /// # Errors
    /// Those of bind(2).
    pub(super) fn bind(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(NAME);
        // Left by a monitor that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context(format_args!("remove {}", path.display()));
            }
            _ => {}
        }
        // A socket's address holds 107 bytes, a path may hold more: the descriptor makes it short.
        let holder = File::open(directory).context(format_args!("open {}", directory.display()))?;
        let address = format!("/proc/self/fd/{}/{NAME}", holder.as_raw_fd());
        let listener = UnixListener::bind(address).context(format_args!("listen at {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).context("protect the monitor's socket")?;
        listener.set_nonblocking(true).context("prepare the monitor's socket")?;
        Ok(Self { listener, path })
    }

    /// Accepts a client, if one waits.
    pub(super) fn accept(&self) -> Option<Client> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(Client { stream, request: Vec::new(), waits: false })
    }

    /// Takes the socket's name away: from now on the end is in `exit.json`.
    pub(super) fn unlink(&self) {
        // Gone already when the bundle is.
        fs::remove_file(&self.path).ok();
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// A connection to the monitor.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    request: Vec<u8>,
    waits: bool,
}

/// What to do with a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Listen to it further.
    Keep,
    /// It waits, and has closed its own side.
    KeepUnheard,
    /// Close it.
    Drop,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Request {
    Wait {},
}

impl Client {
    /// Reads what the client sends.
    pub(super) fn hear(&mut self) -> Verdict {
        let mut buffer = [0; 512];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) if self.waits => return Verdict::KeepUnheard,
                Ok(0) => return Verdict::Drop,
                Ok(length) => self.request.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Verdict::Keep,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Verdict::Drop,
            }
            while let Some(end) = self.request.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.request.drain(..=end).collect();
                match serde_json::from_slice(&line) {
                    Ok(Request::Wait {}) => self.waits = true,
                    Err(_) => {
                        self.say("{\"error\":\"unknown request; send {\\\"wait\\\":{}}\"}\n");
                        return Verdict::Drop;
                    }
                }
            }
            if self.request.len() > MAX_REQUEST {
                return Verdict::Drop;
            }
        }
    }

    /// Sends `line`, which a socket's buffer always has room for. A client that is gone does not get it.
    pub(super) fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).ok();
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::*;

    fn connected() -> (tempfile::TempDir, Socket, UnixStream, Client) {
        let place = tempfile::tempdir().unwrap();
        let socket = Socket::bind(place.path()).unwrap();
        let engine = UnixStream::connect(place.path().join(NAME)).unwrap();
        let client = socket.accept().unwrap();
        (place, socket, engine, client)
    }

    #[test]
    fn a_client_waits_in_pieces_and_half_closed() {
        let (_place, socket, mut engine, mut client) = connected();
        assert!(socket.accept().is_none());
        engine.write_all(b"{\"wa").unwrap();
        assert_eq!((client.hear(), client.waits), (Verdict::Keep, false));
        engine.write_all(b"it\":{}}\n").unwrap();
        assert_eq!((client.hear(), client.waits), (Verdict::Keep, true));
        engine.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(client.hear(), Verdict::KeepUnheard);
        client.say("done\n");
        drop(client);
        let mut answer = String::new();
        engine.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }

    #[test]
    fn nonsense_is_answered_and_closed() {
        let (_place, _socket, mut engine, mut client) = connected();
        engine.write_all(b"{\"attach\":{}}\n").unwrap();
        assert_eq!(client.hear(), Verdict::Drop);
        let mut answer = String::new();
        std::io::BufReader::new(engine).read_line(&mut answer).unwrap();
        assert!(answer.contains("unknown request"));
    }

    #[test]
    fn an_endless_request_is_cut_off() {
        let (_place, _socket, mut engine, mut client) = connected();
        engine.write_all(&[b'x'; MAX_REQUEST + 1]).unwrap();
        assert_eq!(client.hear(), Verdict::Drop);
    }

    #[test]
    fn a_long_path_and_a_stale_socket_do_no_harm() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("x".repeat(200));
        fs::create_dir(&deep).unwrap();
        drop(Socket::bind(&deep).unwrap());
        let socket = Socket::bind(&deep).unwrap();
        assert_eq!(fs::metadata(deep.join(NAME)).unwrap().permissions().mode() & 0o777, 0o600);
        socket.unlink();
        assert!(!deep.join(NAME).exists());
    }
}
