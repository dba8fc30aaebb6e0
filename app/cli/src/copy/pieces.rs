//! Archives that go between the connection and a thread that reads or writes them.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use std::io::{self, Read, Write};
use tokio::sync::mpsc;

/// Bytes of a piece that is written.
const PIECE: usize = 128 << 10;
/// Pieces that wait for a slow reader.
const AHEAD: usize = 4;

/// An archive as a thread reads it.
pub(crate) struct Incoming {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Incoming {
    /// It, and where to send it to.
    pub(crate) fn new() -> (mpsc::Sender<io::Result<Bytes>>, Self) {
        let (sender, pieces) = mpsc::channel(AHEAD);
        (sender, Self { pieces, piece: Bytes::new() })
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}

/// An archive as a thread writes it.
pub(crate) struct Outgoing {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl Outgoing {
    /// It, and what is written.
    pub(crate) fn new() -> (Self, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
        let (pieces, receiver) = mpsc::channel(AHEAD);
        let written =
            stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|piece| (piece, receiver)));
        (Self { pieces, piece: BytesMut::new() }, written)
    }

    /// Breaks the archive off, so that nobody takes what was written for a whole one.
    pub(crate) fn break_off(self) {
        // Who reads no more needs no word.
        self.pieces.blocking_send(Err(io::Error::other("the archive breaks off"))).ok();
    }
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    /// [`io::ErrorKind::BrokenPipe`] once nobody reads.
    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
