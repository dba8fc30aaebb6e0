//! The system's socket behind a stream of the host.

use std::{io, os::fd::OwnedFd};
use tokio_vsock::VsockStream;

/// A stream that can be given up for its socket.
pub(crate) trait IntoSocket {
    /// The socket, which does not block.
    ///
    /// # Errors
    /// What the system says.
    fn into_socket(self) -> io::Result<OwnedFd>;
}

impl IntoSocket for VsockStream {
    fn into_socket(self) -> io::Result<OwnedFd> {
        Ok(self.into())
    }
}

impl IntoSocket for tokio::net::UnixStream {
    fn into_socket(self) -> io::Result<OwnedFd> {
        self.into_std().map(Into::into)
    }
}

impl IntoSocket for tokio::net::TcpStream {
    fn into_socket(self) -> io::Result<OwnedFd> {
        self.into_std().map(Into::into)
    }
}
