//! The conversation between a container's init and the process that cloned it: one packet per message.

use std::{
    io::{IoSlice, IoSliceMut},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, send, sendmsg,
        socketpair,
    },
};

use crate::failure::{Context, Failure};

/// A sentence with two paths of `PATH_MAX` fits well.
const MAX_MESSAGE: usize = 16 * 1024;
const READY: &[u8] = b"ready";
const TERMINAL: &[u8] = b"terminal";

/// The parent's end.
#[derive(Debug)]
pub(crate) struct ParentEnd(OwnedFd);
/// The init's end.
pub(crate) struct ChildEnd(OwnedFd);

/// What an init has to say.
pub(crate) enum Report {
    /// Everything is set up; the init waits to be started.
    Ready,
    /// The controlling end of the container's terminal.
    Terminal(OwnedFd),
    /// The container cannot be made.
    Failed(Failure),
    /// The init ended without a word.
    Silence,
}

/// A new pair of ends, neither of which survives an exec.
pub(crate) fn pair() -> Result<(ParentEnd, ChildEnd), Failure> {
    let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
    let (parent, child) = pair.context("create a socket pair")?;
    Ok((ParentEnd(parent), ChildEnd(child)))
}

impl ParentEnd {
    /// Lets the init begin.
    pub(crate) fn go(&self) -> Result<(), Failure> {
        send(self.0.as_raw_fd(), b"go", MsgFlags::MSG_NOSIGNAL).context("begin the set-up").map(drop)
    }

    /// Waits for the next report.
    #[expect(unsafe_code, reason = "a received descriptor is a bare number")]
    pub(crate) fn report(&self) -> Result<Report, Failure> {
        let mut text = vec![0; MAX_MESSAGE];
        let mut space = nix::cmsg_space!([i32; 1]);
        let mut buffer = [IoSliceMut::new(&mut text)];
        let message = loop {
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            match recvmsg::<()>(self.0.as_raw_fd(), &mut buffer, Some(&mut space), flags) {
                Err(Errno::EINTR) => {}
                result => break result.context("hear from the container's init")?,
            }
        };
        let length = message.bytes;
        let mut received = None;
        for control in message.cmsgs().context("descriptor of the terminal")? {
            if let ControlMessageOwned::ScmRights(descriptors) = control {
                // SAFETY: the kernel has just installed these descriptors for us; nobody else owns them.
                received = descriptors.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }).next();
            }
        }
        Ok(match (&text[..length], received) {
            ([], _) => Report::Silence,
            (READY, _) => Report::Ready,
            (TERMINAL, Some(controller)) => Report::Terminal(controller),
            (failure, _) => Report::Failed(serde_json::from_slice(failure).context("report of the container's init")?),
        })
    }
}

impl ChildEnd {
    /// Waits for the parent's word.
    pub(super) fn wait(&self) -> Result<(), Failure> {
        let mut word = [0; 2];
        loop {
            match recv(self.0.as_raw_fd(), &mut word, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                Ok(0) => return Err(Failure::other("the creating process ended")),
                result => return result.context("wait for the creating process").map(drop),
            }
        }
    }

    /// Says that the container is set up.
    pub(super) fn ready(&self) -> Result<(), Failure> {
        send(self.0.as_raw_fd(), READY, MsgFlags::MSG_NOSIGNAL).context("report").map(drop)
    }

    /// Says why the container cannot be made. That nobody hears it changes nothing for the init, which ends.
    pub(super) fn failed(&self, failure: &Failure) {
        let mut text = serde_json::to_vec(failure).unwrap_or_default();
        if text.len() > MAX_MESSAGE {
            let kind = failure.kind;
            text = serde_json::to_vec(&Failure::new(kind, "the container cannot be made")).unwrap_or_default();
        }
        send(self.0.as_raw_fd(), &text, MsgFlags::MSG_NOSIGNAL).ok();
    }

    /// Hands the controlling end of the terminal over.
    pub(super) fn terminal(&self, controller: &OwnedFd) -> Result<(), Failure> {
        pass(&self.0, TERMINAL, controller)
    }
}

impl AsRawFd for ChildEnd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Sends `text` with `descriptor` over the socket `to`.
pub(crate) fn pass(to: &OwnedFd, text: &[u8], descriptor: &OwnedFd) -> Result<(), Failure> {
    let descriptors = [descriptor.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(text)], &control, MsgFlags::MSG_NOSIGNAL, None)
        .context("hand the terminal over")
        .map(drop)
}
