//! Where connections come from.

use anyhow::Context;
use std::{future::Future, io};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_vsock::{VMADDR_CID_ANY, VMADDR_CID_HOST, VsockAddr, VsockListener, VsockStream};

/// A listening socket.
pub(crate) trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection. May be dropped while it waits without losing one.
    ///
    /// # Errors
    /// What the system says; a later call may succeed.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Listens on a vsock port.
pub(crate) fn bind(port: u32) -> anyhow::Result<VsockListener> {
    VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, port))
        .with_context(|| format!("vsock port {port} cannot be had"))
}

impl Accept for VsockListener {
    type Stream = VsockStream;

    async fn accept(&self) -> io::Result<VsockStream> {
        loop {
            let (stream, peer) = std::future::poll_fn(|cx| self.poll_accept(cx)).await?;
            // A process of the guest could come this way where the kernel loops vsock back.
            if peer.cid() == VMADDR_CID_HOST {
                return Ok(stream);
            }
            tracing::warn!("a connection from vsock address {} was closed: only the host may connect", peer.cid());
        }
    }
}

impl Accept for tokio::net::UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        Ok(tokio::net::UnixListener::accept(self).await?.0)
    }
}
