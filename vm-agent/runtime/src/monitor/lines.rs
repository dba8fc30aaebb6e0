//! Output cut into the pieces that become log entries, as docker cuts it.

use memchr::memchr;

/// docker's `defaultBufSize` of its log copier, in bytes: a longer line is logged in pieces.
const MAX_PIECE: usize = 16 * 1024;

/// The output of one stream that is not yet logged: the beginning of a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Takes `output` and hands every complete piece to `sink`: lines with their newline, and parts of longer lines
    /// without one. A part ends before a character that would be cut.
    pub(super) fn push(&mut self, mut output: &[u8], mut sink: impl FnMut(&[u8])) {
        while !output.is_empty() {
            let room = MAX_PIECE - self.pending.len();
            let reach = &output[..output.len().min(room)];
            let end = memchr(b'\n', reach).map(|at| at + 1);
            let taken = end.unwrap_or(reach.len());
            if self.pending.is_empty() && end.is_some() {
                sink(&output[..taken]);
            } else {
                self.pending.extend_from_slice(&output[..taken]);
                if end.is_some() {
                    sink(&self.pending);
                    self.pending.clear();
                } else if self.pending.len() == MAX_PIECE {
                    let whole = MAX_PIECE - cut_character(&self.pending);
                    sink(&self.pending[..whole]);
                    self.pending.drain(..whole);
                }
            }
            output = &output[taken..];
        }
    }

    /// The beginning of a line that is not logged yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Hands what is left to `sink`: the last line, when it has no newline.
    pub(super) fn finish(&mut self, mut sink: impl FnMut(&[u8])) {
        if !self.pending.is_empty() {
            sink(&self.pending);
            self.pending.clear();
        }
    }
}

/// How many bytes at the end of `text` are the beginning of a longer UTF-8 character.
fn cut_character(text: &[u8]) -> usize {
    let last = text.iter().rev().take(3).position(|byte| byte & 0xc0 != 0x80);
    match last.map(|at| (at + 1, text[text.len() - at - 1])) {
        Some((have, 0xc2..=0xdf)) if have < 2 => have,
        Some((have, 0xe0..=0xef)) if have < 3 => have,
        Some((have, 0xf0..=0xf4)) if have < 4 => have,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut pieces) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.push(chunk, |piece| pieces.push(piece.to_vec()));
        }
        lines.finish(|piece| pieces.push(piece.to_vec()));
        pieces
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let expected = [b"one\n".to_vec(), b"\n".to_vec(), b"two\n".to_vec(), b"rest".to_vec()];
        assert_eq!(cut(&[b"one\n\ntwo\nrest"]), expected);
        assert_eq!(cut(&[b"o", b"ne\n\nt", b"wo", b"\n", b"re", b"st"]), expected);
        assert_eq!(cut(&[]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_long_line_is_cut_every_16_kib() {
        let text = [vec![b'x'; 40_000], b"\ny\n".to_vec()].concat();
        for chunk in [1000, 16_384, 65_536] {
            let pieces = cut(&text.chunks(chunk).collect::<Vec<_>>());
            assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [16_384, 16_384, 40_000 - 32_768 + 1, 2]);
            assert_eq!(pieces.concat(), text);
        }
    }

    #[test]
    fn a_line_of_exactly_one_piece_keeps_its_newline_in_the_next() {
        let text = [vec![b'x'; MAX_PIECE], b"\n".to_vec()].concat();
        assert_eq!(cut(&[&text]).iter().map(Vec::len).collect::<Vec<_>>(), [MAX_PIECE, 1]);
    }

    #[test]
    fn no_character_is_cut() {
        for character in ["é", "한", "😀"] {
            for shift in 0..4 {
                let text = "x".repeat(shift) + &character.repeat(20_000);
                let pieces = cut(&[text.as_bytes()]);
                assert!(pieces.iter().all(|piece| std::str::from_utf8(piece).is_ok()), "{character} {shift}");
                assert_eq!(pieces.concat(), text.as_bytes());
            }
        }
        // What is no UTF-8 at all is cut anywhere, and nothing of it is lost.
        let noise = vec![0xe0; 40_000];
        assert_eq!(cut(&[&noise]).concat(), noise);
    }
}
