//! Messages: read and written by this process.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::unix::{ReadHalf, WriteHalf},
};

/// The most that is copied at once, bytes. When there was so much, more will follow.
pub(super) const MOST: usize = 16 << 10;

thread_local! {
    /// One for all connections of a thread: one that waits holds none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; MOST].into_boxed_slice());
}

/// Copies what is there, up to [`MOST`]: how much that was, 0 at the end.
pub(super) async fn some(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) -> io::Result<usize> {
    let (count, left) = poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut room = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *from).poll_read(context, &mut room))?;
            let bytes = room.filled();
            if bytes.is_empty() {
                return Poll::Ready(io::Result::Ok((0, vec![])));
            }
            let taken = match to.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                taken => taken?,
            };
            Poll::Ready(Ok((bytes.len(), bytes[taken..].to_vec())))
        })
    })
    .await?;
    to.write_all(&left).await?;
    Ok(count)
}
