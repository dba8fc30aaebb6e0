//! Linux: datagrams with the address of this host that they came to. An answer has to come from there, and a socket for every
//! address leaves it to the routes otherwise (ip(7), `IP_PKTINFO`; ipv6(7), `IPV6_RECVPKTINFO`).

use super::Received;
use nix::{
    cmsg_space, libc,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
        sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo},
    },
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsRawFd, RawFd},
};
use tokio::{io::Interest, net::UdpSocket};

/// A socket for datagrams.
#[derive(Debug)]
pub struct DatagramSocket(UdpSocket);

impl DatagramSocket {
    /// Over a socket that is bound.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        match socket.local_addr()?.ip() {
            ip if !ip.is_unspecified() => {}
            IpAddr::V4(_) => setsockopt(&socket, Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) => setsockopt(&socket, Ipv6RecvPacketInfo, &true)?,
        }
        Ok(Self(socket))
    }

    /// The next datagram.
    ///
    /// # Errors
    /// What the system says.
    pub async fn receive(&self, into: &mut [u8]) -> io::Result<Received> {
        self.0.async_io(Interest::READABLE, || receive(self.0.as_raw_fd(), into)).await
    }

    /// Sends a datagram, from the address that was asked where there was a choice.
    ///
    /// # Errors
    /// What the system says.
    pub async fn send(&self, payload: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, || send(self.0.as_raw_fd(), payload, to, from)).await
    }
}

fn receive(socket: RawFd, into: &mut [u8]) -> io::Result<Received> {
    let mut told = cmsg_space!(libc::in6_pktinfo);
    let mut room = [IoSliceMut::new(into)];
    let message = recvmsg::<SockaddrStorage>(socket, &mut room, Some(&mut told), MsgFlags::MSG_DONTWAIT)?;
    let at = message.cmsgs()?.find_map(|told| match told {
        // What the sender named, and not what a route would choose.
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into()),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into()),
        _ => None,
    });
    let from = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Received { length: message.bytes, from, at })
}

fn send(socket: RawFd, payload: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
    let (payload, to) = ([IoSlice::new(payload)], SockaddrStorage::from(to));
    let send = |control: &[ControlMessage<'_>]| {
        sendmsg(socket, &payload, control, MsgFlags::MSG_DONTWAIT, Some(&to))?;
        Ok(())
    };
    match from {
        None => send(&[]),
        Some(IpAddr::V4(from)) => {
            let from = libc::in_addr { s_addr: u32::from_ne_bytes(from.octets()) };
            let any = libc::in_addr { s_addr: 0 };
            let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: from, ipi_addr: any };
            send(&[ControlMessage::Ipv4PacketInfo(&info)])
        }
        Some(IpAddr::V6(from)) => {
            let from = libc::in6_addr { s6_addr: from.octets() };
            send(&[ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo { ipi6_addr: from, ipi6_ifindex: 0 })])
        }
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}
