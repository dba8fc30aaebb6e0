//! An archive that is written by a thread and read as a stream.

use crate::{Error, Result};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream::BoxStream};
use std::io::{self, Write};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// A tar archive as it comes; an error ends it in the middle.
pub type ArchiveStream = BoxStream<'static, Result<Bytes>>;

/// Bytes of a piece.
const PIECE: usize = 128 << 10;
/// Pieces that wait for a slow reader.
const AHEAD: usize = 4;

/// Runs `write` on a thread of its own and gives what it writes. It ends when the reader has gone.
pub(crate) fn outgoing<E: std::fmt::Display>(
    write: impl FnOnce(&mut Pieces) -> Result<(), E> + Send + 'static,
) -> ArchiveStream {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { sender, piece: BytesMut::new() };
        let written = write(&mut pieces).map_err(|e| Error::Internal(format!("could not archive {e}")));
        if let Err(e) = written.and_then(|()| pieces.flush().map_err(|e| Error::Internal(e.to_string()))) {
            // When the reader has gone, nobody is there to be told.
            drop(pieces.sender.blocking_send(Err(e)));
        }
    });
    ReceiverStream::new(receiver).boxed()
}

/// Where the archive is written to.
pub(crate) struct Pieces {
    sender: mpsc::Sender<Result<Bytes>>,
    piece: BytesMut,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
