//! What comes from a monitor, cut anywhere and damaged.

use super::streams::output;
use crate::log::Stdio;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use std::io;

type Piece = (Stdio, Bytes);

fn wire(pieces: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let frame = |(error, bytes): &(bool, Vec<u8>)| {
        [&[if *error { 2 } else { 1 }], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    };
    pieces.iter().flat_map(frame).collect()
}

/// The pieces in `wire` and how it ended, when its first `ahead` bytes came with the answer.
fn read(wire: &[u8], ahead: usize) -> (Vec<Piece>, Option<io::Error>) {
    let (first, rest) = wire.split_at(ahead.min(wire.len()));
    berth_fuzz::drained(output(Bytes::copy_from_slice(first), io::Cursor::new(rest.to_vec())))
}

proptest! {
    #[test]
    fn output_is_whole_wherever_the_answer_ends(
        pieces in vec((any::<bool>(), vec(any::<u8>(), 0..300)), 0..12), ahead in 0_usize..600,
    ) {
        let (seen, error) = read(&wire(&pieces), ahead);
        prop_assert!(error.is_none(), "{error:?}");
        let expected = pieces.into_iter().map(|(error, bytes)| (if error { Stdio::Stderr } else { Stdio::Stdout }, bytes.into()));
        prop_assert_eq!(seen, expected.collect::<Vec<Piece>>());
    }

    #[test]
    fn damaged_output_ends_and_gives_no_more_than_it_had(
        wire in berth_fuzz::damaged(wire(&[(false, b"out\n".to_vec()), (true, vec![b'e'; 400]), (false, vec![])])),
        ahead in 0_usize..600,
    ) {
        let (at_once, _) = read(&wire, 0);
        let (seen, _) = read(&wire, ahead);
        prop_assert!(seen.iter().map(|(_, bytes)| bytes.len() + 5).sum::<usize>() <= wire.len());
        prop_assert_eq!(seen, at_once);
    }
}
