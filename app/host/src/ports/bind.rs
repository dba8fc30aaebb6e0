//! Listening sockets for one publication.

use crate::platform;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How often a free port of IPv4 is tried whose number is taken on IPv6.
const TRIES: u32 = 32;

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct BindError {
    /// The address.
    pub(crate) address: SocketAddr,
    /// What the system said.
    pub(crate) source: io::Error,
}

/// Listens on `ip`, or on both loopback addresses; port 0 takes one free port, the same on both.
pub(crate) fn bind(ip: Option<IpAddr>, port: u16) -> Result<Vec<TcpListener>, BindError> {
    let Some(ip) = ip else {
        return loopback(port);
    };
    Ok(vec![listen(SocketAddr::new(ip, port))?])
}

fn loopback(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let v4 = listen((Ipv4Addr::LOCALHOST, port).into())?;
        let local =
            v4.local_addr().map_err(|source| BindError { address: (Ipv4Addr::LOCALHOST, port).into(), source })?;
        match listen((Ipv6Addr::LOCALHOST, local.port()).into()) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(error) if error.source.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            // A host without IPv6 has no ::1 to listen on.
            Err(error) if !has_ipv6(&error.source) => return Ok(vec![v4]),
            Err(error) => return Err(error),
        }
    }
}

fn has_ipv6(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let try_listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if platform::REUSE_ADDRESS_IS_SAFE {
            socket.set_reuse_address(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    };
    try_listen().map_err(|source| BindError { address, source: unsupported_family(source) })
}

/// A system without IPv6 answers with an error that has no kind of its own in std.
fn unsupported_family(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(platform::NO_SUCH_FAMILY) {
        return io::Error::new(io::ErrorKind::Unsupported, error);
    }
    error
}
