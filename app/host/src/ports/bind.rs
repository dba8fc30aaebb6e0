//! Sockets for one publication.

use super::place::Place;
use crate::platform::{self, DatagramSocket};
use berth_protocol::publish::Transport;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::net::{TcpListener, UdpSocket};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How often a free port of one family is tried whose number is taken on the other.
const TRIES: u32 = 32;

/// A socket that was bound, and its address.
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    pub(super) socket: BoundSocket,
}

/// What clients reach.
pub(super) enum BoundSocket {
    Stream(TcpListener),
    Datagrams(DatagramSocket),
}

/// An address that cannot be had.
#[derive(Debug)]
pub(crate) struct BindError {
    /// The address.
    pub(crate) address: SocketAddr,
    /// What the system said.
    pub(crate) source: io::Error,
}

impl BindError {
    pub(super) fn in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    /// The system has no such address now; of a family that it lacks it has none.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
    }
}

/// Binds one port at every place; a place that may be missing is left out when the system has no such address. Port 0
/// takes one free number, the same at each.
pub(super) fn bind_all(transport: Transport, places: &[Place], port: u16) -> Result<Vec<Bound>, BindError> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_once(transport, places, port) {
            Err(error) if error.in_use() && tries > 0 => {}
            other => return other,
        }
    }
}

fn bind_once(transport: Transport, places: &[Place], mut port: u16) -> Result<Vec<Bound>, BindError> {
    let mut all = Vec::with_capacity(places.len());
    for place in places {
        match bind(transport, SocketAddr::new(place.ip, port)) {
            Ok(bound) => {
                port = bound.address.port();
                all.push(bound);
            }
            Err(error) if place.may_be_missing && error.is_absent() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Binds one address.
pub(super) fn bind(transport: Transport, address: SocketAddr) -> Result<Bound, BindError> {
    let bound = match transport {
        Transport::Tcp => {
            listen(address).map(|(address, socket)| Bound { address, socket: BoundSocket::Stream(socket) })
        }
        Transport::Udp => {
            receive(address).map(|(address, socket)| Bound { address, socket: BoundSocket::Datagrams(socket) })
        }
    };
    bound.map_err(|source| BindError { address, source: unsupported_family(source) })
}

fn listen(address: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if platform::REUSE_ADDRESS_IS_SAFE {
        socket.set_reuse_address(true)?;
    }
    own_family(&socket, address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into())?;
    Ok((listener.local_addr()?, listener))
}

/// Without `SO_REUSEADDR`, which would let two sockets share a port of UDP.
fn receive(address: SocketAddr) -> io::Result<(SocketAddr, DatagramSocket)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    own_family(&socket, address)?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    Ok((socket.local_addr()?, DatagramSocket::new(socket)?))
}

/// Each family has a socket of its own.
fn own_family(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() { socket.set_only_v6(true) } else { Ok(()) }
}

/// Whether this system has the address now.
pub(super) fn is_present(ip: IpAddr) -> bool {
    ip.is_unspecified() || !bind(Transport::Udp, SocketAddr::new(ip, 0)).is_err_and(|error| error.is_absent())
}

/// A system without IPv6 answers with an error that has no kind of its own in std.
fn unsupported_family(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(platform::NO_SUCH_FAMILY) {
        return io::Error::new(io::ErrorKind::Unsupported, error);
    }
    error
}
