//! Just enough rtnetlink (rtnetlink(7)): a link up, an IPv4 address.

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::io::{Error, Result};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

/// `struct nlmsghdr`, bytes.
const HEADER: usize = 16;
/// An attribute of four bytes, with its header.
const ATTRIBUTE: u16 = 8;

pub(super) struct Netlink(OwnedFd);

impl Netlink {
    pub(super) fn open() -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        Ok(Self(socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?))
    }

    /// Sets a link up.
    pub(super) fn set_up(&self, index: u32) -> Result<()> {
        let up = u32::try_from(libc::IFF_UP).map_err(Error::other)?.to_ne_bytes();
        // ifi_flags and ifi_change: set this flag, leave the others.
        self.ask(libc::RTM_NEWLINK, 0, &[[0; 4], index.to_ne_bytes(), up, up].concat())
    }

    pub(super) fn add_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> Result<()> {
        let family = u8::try_from(libc::AF_INET).map_err(Error::other)?;
        let mut body = [[family, prefix, 0, libc::RT_SCOPE_UNIVERSE], index.to_ne_bytes()].concat();
        for kind in [libc::IFA_LOCAL, libc::IFA_ADDRESS] {
            body.extend([ATTRIBUTE.to_ne_bytes(), kind.to_ne_bytes()].concat());
            body.extend(address.octets());
        }
        self.ask(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body)
    }

    /// Sends one request and waits for its acknowledgement.
    fn ask(&self, kind: u16, flags: i32, body: &[u8]) -> Result<()> {
        let flags = u16::try_from(flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK).map_err(Error::other)?;
        let length = u32::try_from(HEADER + body.len()).map_err(Error::other)?;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        // One request at a time: no sequence, and no port of ours.
        message.extend([0; 8]);
        message.extend(body);
        sendto(self.0.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut answer = [0; 4096];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        let code = answer[..length].get(HEADER..HEADER + 4).and_then(|code| code.try_into().ok());
        match code.map(i32::from_ne_bytes) {
            Some(0) => Ok(()),
            Some(code) => Err(Error::from_raw_os_error(code.saturating_neg())),
            None => Err(Error::other("the kernel's answer is cut short")),
        }
    }
}
