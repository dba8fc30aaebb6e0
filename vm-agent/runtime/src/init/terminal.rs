//! The container's terminal, taken from its own devpts and reached through descriptors only.

use std::{
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use nix::{errno::Errno, fcntl::OFlag};
use oci_spec::runtime::Box as ConsoleSize;

use super::{devices::is_on_devpts, rooted::RootDir};
use crate::{
    failure::{Context, Failure},
    kernel::mount::{Reach, clone_tree},
};

/// Both ends of a pseudo-terminal.
pub(super) struct Terminal {
    /// For the monitor or the console socket.
    pub(super) controller: OwnedFd,
    /// For the process.
    pub(super) peer: OwnedFd,
}

impl Terminal {
    /// Opens a terminal of the container's devpts.
    ///
    /// # Errors
    /// When `/dev/pts` is not a devpts mount, however it is disguised.
    pub(super) fn open(root: &RootDir, size: Option<ConsoleSize>) -> Result<Self, Failure> {
        let multiplexer = root.open_without_links(Path::new("/dev/pts/ptmx"), OFlag::O_RDWR | OFlag::O_NOCTTY);
        let controller = multiplexer.context("open /dev/pts/ptmx")?;
        if !is_on_devpts(&controller)? {
            return Err(Failure::other("/dev/pts is not a devpts file system; add its mount to the bundle"));
        }
        unlock(&controller).context("unlock the terminal")?;
        let peer = peer_of(&controller).context("open the terminal's other end")?;
        if !is_on_devpts(&peer)? {
            return Err(Failure::other("the terminal is not on a devpts file system"));
        }
        if let Some(size) = size {
            let cells = |count: u64| u16::try_from(count).unwrap_or(u16::MAX);
            resize(&controller, cells(size.height()), cells(size.width())).context("size of the terminal")?;
        }
        Ok(Self { controller, peer })
    }

    /// Shows it as the container's `/dev/console`.
    ///
    /// # Errors
    /// When there is no place for it.
    pub(super) fn show_as_console(&self, root: &RootDir) -> Result<(), Failure> {
        let console = clone_tree(&self.peer, Path::new(""), Reach::Mount).context("copy the terminal")?;
        root.attach(console, root.make_file(Path::new("/dev/console")).context("create /dev/console")?)
            .context("/dev/console")
    }
}

/// Makes `peer` the controlling terminal of this session.
#[expect(unsafe_code, reason = "an ioctl")]
pub(super) fn take_control(peer: impl AsFd) -> nix::Result<()> {
    // SAFETY: TIOCSCTTY takes an integer: 0, do not steal it from another session.
    Errno::result(unsafe { libc::ioctl(peer.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}

#[expect(unsafe_code, reason = "an ioctl")]
fn unlock(controller: &OwnedFd) -> nix::Result<()> {
    let unlocked: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one integer, which lives across the call.
    Errno::result(unsafe { libc::ioctl(controller.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) }).map(drop)
}

/// TIOCGPTPEER: opens the other end without a path that could be exchanged.
#[expect(unsafe_code, reason = "an ioctl")]
fn peer_of(controller: &OwnedFd) -> nix::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags by value.
    let raw = Errno::result(unsafe { libc::ioctl(controller.as_raw_fd(), libc::TIOCGPTPEER, flags) })?;
    // SAFETY: the kernel has just returned this descriptor to us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Gives the terminal this size; its processes hear of it by SIGWINCH.
#[expect(unsafe_code, reason = "an ioctl")]
pub(crate) fn resize(controller: impl AsFd, rows: u16, columns: u16) -> nix::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let controller = controller.as_fd().as_raw_fd();
    // SAFETY: TIOCSWINSZ reads one `winsize`, which lives across the call.
    Errno::result(unsafe { libc::ioctl(controller, libc::TIOCSWINSZ, &raw const size) }).map(drop)
}
