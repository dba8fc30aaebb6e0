//! The engine's half of a published port by itself: a client that speaks to it as berthd does.

use berth_load::Connection;
use berth_protocol::boot::Secret;
use berth_protocol::forward::{header, read_status};
use berth_protocol::handshake::{CHALLENGE_LEN, Challenge, VERDICT_LEN};
use berth_protocol::port;
use berth_protocol::publish::Transport;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The native engine's; it guards nothing that the folder does not.
const SECRET: [u8; 32] = [0; 32];

/// Connects to a port of a container through the engine whose sockets are in `dir`.
pub(super) fn connect(dir: &Path, target: SocketAddr) -> io::Result<Box<dyn Connection>> {
    let mut stream = UnixStream::connect(dir.join(format!("vsock-{}.sock", port::FORWARD)))?;
    let secret = Secret::new(SECRET);
    let mut challenge = [0; CHALLENGE_LEN];
    stream.read_exact(&mut challenge)?;
    let answer = Challenge::from_bytes(&challenge).map_err(io::Error::other)?.answer(&secret, port::FORWARD, [1; 32]);
    stream.write_all(&[&answer.to_bytes()[..], &header(Transport::Tcp, target)].concat())?;
    let mut said = [0; VERDICT_LEN + 1];
    stream.read_exact(&mut said)?;
    read_status(said[VERDICT_LEN]).map_err(io::Error::other)?;
    Ok(Box::new(stream))
}
