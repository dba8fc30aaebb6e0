//! Docker's frames, cut anywhere and damaged.

use super::streams::frames;
use crate::{container::LogChunk, error::Error};
use proptest::{collection::vec, prelude::*};
use std::{io, pin::Pin, task};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that arrive in pieces.
struct Pieces<C> {
    bytes: Vec<u8>,
    cuts: C,
}

impl<C: Iterator<Item = usize> + Unpin> AsyncRead for Pieces<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> task::Poll<io::Result<()>> {
        let cut = self.cuts.next().unwrap_or(1).min(self.bytes.len()).min(into.remaining());
        into.put_slice(&self.bytes[..cut]);
        self.bytes.drain(..cut);
        task::Poll::Ready(Ok(()))
    }
}

fn wire(chunks: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let frame = |(stderr, bytes): &(bool, Vec<u8>)| {
        [&[if *stderr { 2 } else { 1 }, 0, 0, 0], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes]
            .concat()
    };
    chunks.iter().flat_map(frame).collect()
}

fn read(wire: &[u8], cuts: Vec<usize>) -> (Vec<LogChunk>, Option<Error>) {
    berth_fuzz::drained(frames(Pieces { bytes: wire.to_vec(), cuts: cuts.into_iter().cycle() }))
}

fn plain(chunks: &[LogChunk]) -> Vec<(bool, Vec<u8>)> {
    chunks.iter().map(|chunk| (chunk.stderr, chunk.bytes.to_vec())).collect()
}

proptest! {
    #[test]
    fn frames_come_apart_however_they_are_cut(
        chunks in vec((any::<bool>(), vec(any::<u8>(), 0..300)), 0..12), cuts in berth_fuzz::cuts(),
    ) {
        let (seen, error) = read(&wire(&chunks), cuts);
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(plain(&seen), chunks);
    }

    #[test]
    fn damaged_frames_end_and_give_no_more_than_they_had(
        wire in berth_fuzz::damaged(wire(&[(false, b"out\n".to_vec()), (true, vec![b'e'; 400]), (false, vec![])])),
        cuts in berth_fuzz::cuts(),
    ) {
        let (seen, _) = read(&wire, cuts);
        prop_assert!(seen.iter().map(|chunk| chunk.bytes.len() + 8).sum::<usize>() <= wire.len());
        let (at_once, _) = read(&wire, vec![wire.len().max(1)]);
        prop_assert_eq!(plain(&seen), plain(&at_once), "the way it is cut must not matter");
    }
}
