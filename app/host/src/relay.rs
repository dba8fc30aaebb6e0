//! The bytes of two streams, each to the other, half-closes included.
//!
//! A buffer is taken when there are bytes to carry and given back when they are carried: a thousand silent connections
//! hold none.

use std::{
    io,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes carried at once; what the guest's streams hold in each direction.
const BUFFER: usize = 256 << 10;
/// Buffers that are kept for the next connection that needs one.
const KEPT: usize = 16;

/// Buffers that nobody needs now.
static FREE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// Carries until both have ended. The end of one direction is passed on, and the other goes on until its own.
///
/// # Errors
/// The first of either stream; bytes of the other direction may be lost then.
pub(crate) async fn both_ways<A, B>(mut a: A, mut b: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut there, mut back) = (Direction::default(), Direction::default());
    std::future::poll_fn(|context| {
        let there = there.poll(context, Pin::new(&mut a), Pin::new(&mut b))?;
        let back = back.poll(context, Pin::new(&mut b), Pin::new(&mut a))?;
        if there.is_ready() && back.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// One direction. Its state is what a poll left undone.
#[derive(Default)]
struct Direction {
    held: Option<Held>,
    unflushed: bool,
    /// The source has ended.
    drained: bool,
    /// The sink was told.
    ended: bool,
}

/// Bytes that were read and not yet written.
struct Held {
    buffer: Buffer,
    start: usize,
    end: usize,
}

impl Direction {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut from: Pin<&mut impl AsyncRead>,
        mut to: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if let Some(held) = &mut self.held {
                let written = ready!(to.as_mut().poll_write(context, &held.buffer.0[held.start..held.end]))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.unflushed = true;
                held.start += written;
                if held.start < held.end {
                    continue;
                }
            }
            if self.drained {
                ready!(to.as_mut().poll_shutdown(context))?;
                (self.ended, self.held) = (true, None);
                continue;
            }
            let mut held = self.held.take().unwrap_or_else(Held::empty);
            let mut room = ReadBuf::new(&mut held.buffer.0);
            match from.as_mut().poll_read(context, &mut room)? {
                Poll::Ready(()) if room.filled().is_empty() => self.drained = true,
                Poll::Ready(()) => {
                    (held.start, held.end) = (0, room.filled().len());
                    self.held = Some(held);
                }
                Poll::Pending => {
                    if self.unflushed {
                        ready!(to.as_mut().poll_flush(context))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Held {
    fn empty() -> Self {
        Self { buffer: Buffer::take(), start: 0, end: 0 }
    }
}

/// A buffer that goes back when it is dropped.
struct Buffer(Box<[u8]>);

impl Buffer {
    fn take() -> Self {
        let kept = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self(kept.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice()))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// Both outer ends of a relay.
    fn relayed() -> (tokio::io::DuplexStream, tokio::io::DuplexStream) {
        let ((client, a), (b, server)) = (duplex(1000), duplex(777));
        tokio::spawn(both_ways(a, b));
        (client, server)
    }

    #[tokio::test]
    async fn every_byte_passes_both_ways_and_one_end_leaves_the_other_open() {
        let (mut client, mut server) = relayed();
        let sent: Vec<u8> = (0..=255).cycle().take(3 * BUFFER + 5).collect();
        let expected = sent.clone();
        let serving = tokio::spawn(async move {
            let mut got = vec![];
            server.read_to_end(&mut got).await.unwrap();
            got.reverse();
            server.write_all(&got).await.unwrap();
        });
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        let mut back = vec![];
        client.read_to_end(&mut back).await.unwrap();
        back.reverse();
        assert!(back == expected, "{} bytes came back of {}", back.len(), expected.len());
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_side_that_is_gone_ends_the_other() {
        let (mut client, server) = relayed();
        drop(server);
        client.write_all(b"anyone?").await.unwrap();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_silent_connection_holds_no_buffer() {
        let (mut client, mut server) = relayed();
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'x');
        let mut direction = Direction::default();
        let (mut silent, _open) = duplex(1);
        let poll = std::future::poll_fn(|context| {
            Poll::Ready(direction.poll(context, Pin::new(&mut silent), Pin::new(&mut tokio::io::sink())))
        });
        assert!(poll.await.is_pending() && direction.held.is_none());
    }
}
