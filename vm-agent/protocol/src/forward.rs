//! The header in front of a forwarded connection on [`crate::port::FORWARD`]: a TCP stream, or the datagrams between one
//! client and a UDP port.
//!
//! ```text
//! host  -> guest  transport(1: 6 or 17, IP's numbers) family(1: 4 or 6) address(16, IPv4 in the first four bytes) port(2, BE)
//! guest -> host   status(1)
//! ```
//! After status 0 the bytes of the stream follow in both directions, half-close included; datagrams follow as
//! [`crate::datagram`] frames them, and the host may send its first ones without waiting for the status. Any other status
//! is a [`Refusal`] and the connection is closed.

use crate::publish::Transport;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Size of the header, bytes.
pub const HEADER_LEN: usize = 1 + 1 + 16 + 2;
/// The status that says the guest is connected.
pub const CONNECTED: u8 = 0;
/// IP's numbers of the transports (IANA, protocol numbers).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Why the guest could not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing listens there: the host should answer its client with a reset.
    #[error("nothing listens on that port of the container")]
    Refused,
    /// No route, or the container is gone.
    #[error("the container cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("the container did not answer in time")]
    TimedOut,
    /// The header is none.
    #[error("the forward header is malformed")]
    Malformed,
}

impl Refusal {
    /// The status byte.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Unreachable => 2,
            Self::TimedOut => 3,
            Self::Malformed => 4,
        }
    }
}

/// Host: what the guest's status byte says.
///
/// # Errors
/// The refusal; an unknown status counts as [`Refusal::Malformed`].
pub const fn read_status(status: u8) -> Result<(), Refusal> {
    match status {
        CONNECTED => Ok(()),
        1 => Err(Refusal::Refused),
        2 => Err(Refusal::Unreachable),
        3 => Err(Refusal::TimedOut),
        _ => Err(Refusal::Malformed),
    }
}

/// The header for `target`.
#[must_use]
pub fn header(transport: Transport, target: SocketAddr) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[0] = match transport {
        Transport::Tcp => TCP,
        Transport::Udp => UDP,
    };
    match target.ip() {
        IpAddr::V4(ip) => {
            out[1] = 4;
            out[2..6].copy_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out[1] = 6;
            out[2..18].copy_from_slice(&ip.octets());
        }
    }
    out[18..].copy_from_slice(&target.port().to_be_bytes());
    out
}

/// Guest: what a header asks for.
///
/// # Errors
/// [`Refusal::Malformed`] for an unknown transport or family, or port 0.
pub fn parse(header: &[u8; HEADER_LEN]) -> Result<(Transport, SocketAddr), Refusal> {
    let transport = match header[0] {
        TCP => Transport::Tcp,
        UDP => Transport::Udp,
        _ => return Err(Refusal::Malformed),
    };
    let mut octets = [0; 16];
    octets.copy_from_slice(&header[2..18]);
    let ip: IpAddr = match header[1] {
        4 => Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into(),
        6 => Ipv6Addr::from(octets).into(),
        _ => return Err(Refusal::Malformed),
    };
    match u16::from_be_bytes([header[18], header[19]]) {
        0 => Err(Refusal::Malformed),
        port => Ok((transport, SocketAddr::new(ip, port))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_target_survives(udp: bool, ip: IpAddr, port in 1u16..) {
            let transport = if udp { Transport::Udp } else { Transport::Tcp };
            let target = SocketAddr::new(ip, port);
            prop_assert_eq!(parse(&header(transport, target)), Ok((transport, target)));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: [u8; HEADER_LEN]) {
            if let Ok((_, target)) = parse(&bytes) {
                prop_assert!(target.port() != 0);
            }
        }
    }

    #[test]
    fn every_refusal_has_its_own_status() {
        for refusal in [Refusal::Refused, Refusal::Unreachable, Refusal::TimedOut, Refusal::Malformed] {
            assert_eq!(read_status(refusal.status()), Err(refusal));
        }
        assert_eq!(read_status(CONNECTED), Ok(()));
    }
}
