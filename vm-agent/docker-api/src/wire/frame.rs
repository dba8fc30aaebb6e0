//! The frames that keep standard output and error apart in one stream:
//! `kind(1: 1 stdout, 2 stderr) 0(3) length(4, BE) bytes`
//! (docs.docker.com, Engine API, "Attach to a container", stream format).

use berth_engine::log::{LogFrame, Stdio};
use bytes::{BufMut, Bytes, BytesMut};

/// Size of a frame's head, bytes.
const HEAD_LEN: usize = 8;
/// The most that one frame carries, bytes. The format allows 4 GiB; clients read a frame into one buffer.
const MAX_LEN: usize = 1 << 20;

/// What a piece of output is on the wire: itself for a terminal, else frames.
pub(crate) fn encode(output: LogFrame, tty: bool) -> Bytes {
    if tty {
        return output.bytes;
    }
    let kind = match output.stdio {
        Stdio::Stdout => 1,
        Stdio::Stderr => 2,
    };
    let frames = output.bytes.len().div_ceil(MAX_LEN);
    let mut wire = BytesMut::with_capacity(output.bytes.len() + frames * HEAD_LEN);
    for chunk in output.bytes.chunks(MAX_LEN) {
        let len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        wire.put_slice(&[kind, 0, 0, 0]);
        wire.put_u32(len);
        wire.put_slice(chunk);
    }
    wire.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::Timestamp;
    use proptest::prelude::*;

    fn output(stdio: Stdio, bytes: Vec<u8>) -> LogFrame {
        LogFrame { stdio, at: Timestamp(0), bytes: bytes.into() }
    }

    /// As a client reads: both outputs, each in order.
    fn decode(mut wire: &[u8]) -> [Vec<u8>; 2] {
        let mut out = [vec![], vec![]];
        while !wire.is_empty() {
            let (head, rest) = wire.split_at(HEAD_LEN);
            assert_eq!(head[1..4], [0, 0, 0]);
            let len = u32::from_be_bytes(head[4..].try_into().unwrap()) as usize;
            assert!(len > 0, "an empty frame tells nothing");
            out[usize::from(head[0]) - 1].extend_from_slice(&rest[..len]);
            wire = &rest[len..];
        }
        out
    }

    proptest! {
        #[test]
        fn a_client_gets_every_byte_on_its_own_output(
            pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..20)
        ) {
            let (mut wire, mut expected) = (vec![], [vec![], vec![]]);
            for (stderr, bytes) in pieces {
                expected[usize::from(stderr)].extend_from_slice(&bytes);
                let stdio = if stderr { Stdio::Stderr } else { Stdio::Stdout };
                wire.extend_from_slice(&encode(output(stdio, bytes), false));
            }
            prop_assert_eq!(decode(&wire), expected);
        }
    }

    #[test]
    fn a_frame_looks_as_documented_and_a_terminal_has_none() {
        assert_eq!(&encode(output(Stdio::Stderr, b"hi\n".to_vec()), false)[..], b"\x02\0\0\0\0\0\0\x03hi\n");
        assert_eq!(&encode(output(Stdio::Stdout, b"hi\n".to_vec()), true)[..], b"hi\n");
    }

    #[test]
    fn a_huge_piece_comes_in_several_frames() {
        let bytes = vec![7; MAX_LEN * 2 + 1];
        let wire = encode(output(Stdio::Stdout, bytes.clone()), false);
        assert_eq!(wire.len(), bytes.len() + 3 * HEAD_LEN);
        assert_eq!(decode(&wire)[0], bytes);
    }
}
