//! Packets on a byte stream, as [`berth_protocol::uplink`] lays them out.

use super::{Frame, FrameLink, FrameSink, FrameSource};
use berth_protocol::uplink::{HEAD_LEN, Head};
use bytes::{Buf, BufMut, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// Bytes asked of the stream at once: several of the largest packets.
const CHUNK: usize = 256 << 10;

/// A link over any stream.
#[derive(Debug)]
pub struct StreamLink<S>(S);

impl<S> StreamLink<S> {
    /// A link whose other end speaks over the other end of `stream`.
    pub const fn new(stream: S) -> Self {
        Self(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> FrameLink for StreamLink<S> {
    type Source = Source<ReadHalf<S>>;
    type Sink = Sink<WriteHalf<S>>;

    fn split(self) -> (Self::Source, Self::Sink) {
        let (read, write) = tokio::io::split(self.0);
        (Source { stream: read, bytes: BytesMut::new() }, Sink { stream: write, bytes: BytesMut::new() })
    }
}

/// The reading half of a [`StreamLink`].
#[derive(Debug)]
pub struct Source<S> {
    stream: S,
    bytes: BytesMut,
}

impl<S: AsyncRead + Send + Unpin> FrameSource for Source<S> {
    async fn read(&mut self, into: &mut Vec<Frame>) -> io::Result<()> {
        let before = into.len();
        while into.len() == before {
            self.bytes.reserve(CHUNK);
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                // What is left of a packet is lost, as on any wire.
                return Ok(());
            }
            take_whole(&mut self.bytes, into);
        }
        Ok(())
    }
}

/// Moves the whole packets out of `bytes`.
fn take_whole(bytes: &mut BytesMut, into: &mut Vec<Frame>) {
    while let Some(Head { length, segment }) = Head::read(bytes) {
        if bytes.len() < HEAD_LEN + usize::from(length) {
            return;
        }
        bytes.advance(HEAD_LEN);
        into.push(Frame { packet: bytes.split_to(length.into()).freeze(), segment });
    }
}

/// The writing half of a [`StreamLink`].
#[derive(Debug)]
pub struct Sink<S> {
    stream: S,
    bytes: BytesMut,
}

impl<S: AsyncWrite + Send + Unpin> FrameSink for Sink<S> {
    async fn write(&mut self, frames: &[Frame]) -> io::Result<()> {
        for Frame { packet, segment } in frames {
            let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
            self.bytes.put_slice(&Head { length, segment: *segment }.to_bytes());
            self.bytes.put_slice(packet);
            if self.bytes.len() >= CHUNK {
                self.stream.write_all_buf(&mut self.bytes).await?;
            }
        }
        self.stream.write_all_buf(&mut self.bytes).await?;
        self.stream.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::contract;
    use proptest::prelude::*;
    use tokio::io::duplex;

    #[tokio::test]
    async fn a_stream_is_a_link() {
        for room in [1, 7, 70_000] {
            let (near, far) = duplex(room);
            contract::carries_packets_in_order_both_ways(StreamLink::new(near), StreamLink::new(far)).await;
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_packets_or_wait_for_more(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..8)) {
            let (mut bytes, mut frames) = (BytesMut::new(), Vec::new());
            for piece in &pieces {
                bytes.extend_from_slice(piece);
                take_whole(&mut bytes, &mut frames);
            }
            let carried: usize = frames.iter().map(|frame| HEAD_LEN + frame.packet.len()).sum();
            prop_assert_eq!(carried + bytes.len(), pieces.iter().map(Vec::len).sum::<usize>());
        }
    }
}
