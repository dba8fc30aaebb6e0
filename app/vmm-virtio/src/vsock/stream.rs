//! The host's ends of connections.

use super::connection::{Moved, Phase};
use super::table::{Endpoint, Slot, Table};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Opens connections to the guest. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    table: Table,
}

/// Why a connection did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The guest has no listener on the port.
    #[error("the guest has no listener on that port")]
    Refused,
    /// The device has ended.
    #[error("the guest is gone")]
    Gone,
}

impl Dialer {
    pub(super) const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Connects to a port of the guest. Waits for as long as the guest's driver is not up; drop the future to give up.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn dial(&self, port: u32) -> Result<Stream, DialError> {
        let endpoint = self.table.dial(port).ok_or(DialError::Gone)?;
        // The stream exists before the guest has answered, so that giving up takes the dial back.
        let stream = Stream { endpoint, table: self.table.clone() };
        poll_fn(|context| {
            let mut slot = stream.endpoint.slot();
            match slot.connection.phase() {
                Phase::Open | Phase::Closed => Poll::Ready(Ok(())),
                Phase::Refused if stream.table.has_ended() => Poll::Ready(Err(DialError::Gone)),
                Phase::Refused => Poll::Ready(Err(DialError::Refused)),
                Phase::Dialling { .. } => {
                    slot.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await?;
        Ok(stream)
    }

    /// Ends every stream and every dial, now and later: the VM is gone.
    pub fn end(&self) {
        self.table.end();
    }
}

/// A byte stream to a port of the guest.
///
/// Shutting it down ends the writing side only. Dropping it ends both; what was written is still delivered.
pub struct Stream {
    endpoint: Arc<Endpoint>,
    table: Table,
}

impl Stream {
    /// Does something to the connection, and tells the device when that gave it something to say.
    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        let (result, talks) = {
            let mut slot = self.endpoint.slot();
            let result = act(&mut slot);
            (result, slot.connection.wants_to_send())
        };
        if talks {
            self.table.enqueue(&self.endpoint);
        }
        result
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|slot| match slot.connection.read(buf.initialize_unfilled()) {
            Moved::Bytes(bytes) => {
                buf.advance(bytes);
                Poll::Ready(Ok(()))
            }
            Moved::Blocked => {
                slot.reader = Some(context.waker().clone());
                Poll::Pending
            }
            Moved::Broken => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|slot| match slot.connection.write(buf) {
            Moved::Bytes(bytes) => Poll::Ready(Ok(bytes)),
            Moved::Blocked => {
                slot.writer = Some(context.waker().clone());
                Poll::Pending
            }
            Moved::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        })
    }

    /// What was written is on its way; there is nothing to wait for that the guest could not undo.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|slot| slot.connection.finish());
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let (over, lingers) = self.with(|slot| {
            slot.connection.host_dropped();
            (slot.connection.is_over(), slot.connection.lingers())
        });
        if over {
            self.table.remove(self.endpoint.key);
        } else if lingers {
            self.table.linger(self.endpoint.key);
        }
    }
}
