//! A bounded queue of byte pieces between a producer and a blocking reader.

use bytes::{Buf as _, Bytes};
use std::io::{self, BufRead, Read};
use tokio::sync::mpsc;

/// The producer's end: pieces or the error that ended them. Dropping it ends the stream.
pub type Feed = mpsc::Sender<io::Result<Bytes>>;

/// The reader's end.
#[derive(Debug)]
pub struct PieceReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

/// A queue that holds at most `len` pieces.
#[must_use]
pub fn pieces(len: usize) -> (Feed, PieceReader) {
    let (feed, pieces) = mpsc::channel(len);
    (feed, PieceReader { pieces, current: Bytes::new() })
}

impl BufRead for PieceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => break,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, len: usize) {
        self.current.advance(len);
    }
}

impl Read for PieceReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.consume(len);
        Ok(len)
    }
}
