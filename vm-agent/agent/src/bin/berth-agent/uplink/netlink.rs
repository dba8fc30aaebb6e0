//! Just enough rtnetlink (rtnetlink(7)) for one device: link up, one address, one default route.

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::io::{Error, Result};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

/// `struct nlmsghdr`, bytes.
const HEADER: usize = 16;
/// Room for one answer: an error echoes the request, which is small.
const ANSWER: usize = 4096;

/// A netlink socket.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open() -> Result<Self> {
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sets a link up.
    pub(super) fn set_up(&mut self, index: u32) -> Result<()> {
        let up = u32::try_from(libc::IFF_UP).map_err(Error::other)?;
        let mut body = vec![0; 4];
        body.extend_from_slice(&index.to_ne_bytes());
        // ifi_flags and ifi_change: set this flag, leave the others.
        body.extend_from_slice(&up.to_ne_bytes());
        body.extend_from_slice(&up.to_ne_bytes());
        self.ask(libc::RTM_NEWLINK, 0, &body)
    }

    /// Sets the size of the largest packet, bytes.
    pub(super) fn set_mtu(&mut self, index: u32, mtu: u32) -> Result<()> {
        let mut body = vec![0; 4];
        body.extend_from_slice(&index.to_ne_bytes());
        body.extend_from_slice(&[0; 8]);
        put(&mut body, libc::IFLA_MTU, &mtu.to_ne_bytes());
        self.ask(libc::RTM_NEWLINK, 0, &body)
    }

    /// Adds an address; one that is there already is fine.
    pub(super) fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8) -> Result<()> {
        // IPv6 would otherwise be unusable for a second while a duplicate is looked for; the host chose the address.
        let flags = if address.is_ipv6() { u8::try_from(libc::IFA_F_NODAD).map_err(Error::other)? } else { 0 };
        let mut body = vec![family(address)?, prefix, flags, libc::RT_SCOPE_UNIVERSE];
        body.extend_from_slice(&index.to_ne_bytes());
        put(&mut body, libc::IFA_LOCAL, &octets(address));
        put(&mut body, libc::IFA_ADDRESS, &octets(address));
        self.ask(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body)
    }

    /// Makes `gateway` the way to everything else.
    pub(super) fn add_default_route(&mut self, index: u32, gateway: IpAddr) -> Result<()> {
        let mut body = vec![
            family(gateway)?,
            0,
            0,
            0,
            libc::RT_TABLE_MAIN,
            libc::RTPROT_STATIC,
            libc::RT_SCOPE_UNIVERSE,
            libc::RTN_UNICAST,
        ];
        body.extend_from_slice(&0_u32.to_ne_bytes());
        put(&mut body, libc::RTA_GATEWAY, &octets(gateway));
        put(&mut body, libc::RTA_OIF, &index.to_ne_bytes());
        self.ask(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body)
    }

    /// Sends one request and waits for its acknowledgement.
    fn ask(&mut self, kind: u16, flags: i32, body: &[u8]) -> Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let flags = u16::try_from(flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK).map_err(Error::other)?;
        let message = message(kind, flags, self.sequence, body)?;
        let fd = self.socket.as_raw_fd();
        sendto(fd, &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut answer = [0; ANSWER];
        loop {
            let len = recv(fd, &mut answer, MsgFlags::empty())?;
            if let Some(code) = acknowledged(&answer[..len], self.sequence) {
                return if code == 0 { Ok(()) } else { Err(Error::from_raw_os_error(code.saturating_neg())) };
            }
        }
    }
}

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Result<Vec<u8>> {
    let len = u32::try_from(HEADER + body.len()).map_err(Error::other)?;
    let mut out = Vec::with_capacity(HEADER + body.len());
    out.extend_from_slice(&len.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&0_u32.to_ne_bytes());
    out.extend_from_slice(body);
    Ok(out)
}

/// The code of the acknowledgement of `sequence`, when `answer` is one: 0 or a negative error number.
fn acknowledged(answer: &[u8], sequence: u32) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let of = u32::from_ne_bytes(answer.get(8..12)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(HEADER..HEADER + 4)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR && of == sequence).then_some(code)
}

/// Appends an attribute, padded to four bytes.
fn put(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&len.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn family(address: IpAddr) -> Result<u8> {
    u8::try_from(if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }).map_err(Error::other)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::net::if_::if_nametoindex;

    #[test]
    fn the_kernel_takes_a_request_and_names_what_it_refuses() {
        let mut netlink = Netlink::open().unwrap();
        // Up already, so this changes nothing; without privilege the kernel says so.
        let up = netlink.set_up(if_nametoindex("lo").unwrap());
        assert!(up.is_ok() || up.unwrap_err().raw_os_error() == Some(libc::EPERM));
        let error = netlink.set_up(0x7fff_fff0).unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EPERM)), "{error}");
    }

    #[test]
    fn an_answer_to_another_request_or_a_short_one_is_passed_over() {
        let answer = message(u16::try_from(libc::NLMSG_ERROR).unwrap(), 0, 7, &(-19_i32).to_ne_bytes()).unwrap();
        assert_eq!(acknowledged(&answer, 7), Some(-19));
        assert_eq!(acknowledged(&answer, 8), None);
        assert_eq!(acknowledged(&answer[..10], 7), None);
    }
}
