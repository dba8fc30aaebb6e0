//! Datagrams where the system does not tell us yet to which of its addresses they came: its routes choose where an answer comes
//! from.

use super::Received;
use std::{
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::net::UdpSocket;

/// A socket for datagrams.
#[derive(Debug)]
pub struct DatagramSocket(UdpSocket);

impl DatagramSocket {
    /// Over a socket that is bound.
    ///
    /// # Errors
    /// None here.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        Ok(Self(socket))
    }

    /// The next datagram.
    ///
    /// # Errors
    /// What the system says.
    pub async fn receive(&self, into: &mut [u8]) -> io::Result<Received> {
        let (length, from) = self.0.recv_from(into).await?;
        Ok(Received { length, from, at: None })
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// What the system says.
    pub async fn send(&self, payload: &[u8], to: SocketAddr, _: Option<IpAddr>) -> io::Result<()> {
        self.0.send_to(payload, to).await.map(drop)
    }
}
