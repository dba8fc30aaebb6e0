//! The two sockets inside a namespace, and the rule that leads port 53 to them.

use super::ADDRESS;
use crate::{Error, ruleset};
use nix::sched::{CloneFlags, setns};
use std::{
    fs::File,
    io,
    net::{SocketAddrV4, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    thread,
};
use tokio::sync::oneshot;

/// How often another port is tried when the one of the first socket is taken for the second.
const TRIES: u32 = 16;

/// Opens the sockets in the namespace. A thread does it, since a namespace is entered by a thread.
pub(super) async fn open(namespace: PathBuf, nft: PathBuf) -> Result<(UdpSocket, TcpListener), Error> {
    let (answer, answered) = oneshot::channel();
    thread::Builder::new()
        .name("dns".to_owned())
        .spawn({
            let namespace = namespace.clone();
            // Nobody waits when the caller was dropped: the sockets close then.
            move || drop(answer.send(inside(&namespace, &nft)))
        })
        .map_err(Error::io("start a thread for", &namespace))?;
    answered.await.unwrap_or(Err(Error::ThreadLost))
}

fn inside(namespace: &Path, nft: &Path) -> Result<(UdpSocket, TcpListener), Error> {
    let file = File::open(namespace).map_err(Error::io("open", namespace))?;
    setns(file, CloneFlags::CLONE_NEWNET)
        .map_err(io::Error::from)
        .map_err(Error::io("enter the namespace", namespace))?;
    let (datagrams, streams, port) = bind().map_err(Error::io("listen for names in", namespace))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("start a runtime for", namespace))?;
    runtime.block_on(ruleset::apply(nft, &redirection(port)))?;
    Ok((datagrams, streams))
}

/// Both sockets on the same port, which the kernel picks.
fn bind() -> io::Result<(UdpSocket, TcpListener, u16)> {
    let mut tries = TRIES;
    loop {
        let datagrams = UdpSocket::bind(SocketAddrV4::new(ADDRESS, 0))?;
        let port = datagrams.local_addr()?.port();
        match TcpListener::bind(SocketAddrV4::new(ADDRESS, port)) {
            Ok(streams) => {
                datagrams.set_nonblocking(true)?;
                streams.set_nonblocking(true)?;
                return Ok((datagrams, streams, port));
            }
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && tries > 0 => tries -= 1,
            Err(e) => return Err(e),
        }
    }
}

/// Replaces what an earlier engine left: its port is gone.
fn redirection(port: u16) -> String {
    format!(
        "table ip berth-dns
delete table ip berth-dns
table ip berth-dns {{
	chain output {{
		type nat hook output priority -100; policy accept;
		ip daddr {ADDRESS} udp dport 53 dnat to {ADDRESS}:{port}
		ip daddr {ADDRESS} tcp dport 53 dnat to {ADDRESS}:{port}
	}}
}}
"
    )
}
