//! A container's output line by line, with the time of each.

use super::LogChunk;
use crate::{client::Output, error::Error};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

/// The longest line that is kept whole, bytes; a longer one is told in pieces.
const LONGEST: usize = 64 << 10;
/// At most so many lines are told at once.
const AT_ONCE: usize = 2000;

/// A line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct LogLine {
    /// Whether it was written to standard error.
    pub stderr: bool,
    /// When, as RFC 3339 in UTC; empty when the engine did not say.
    pub time: String,
    /// Without its end. Bytes that are no text are shown as replacement characters.
    pub text: String,
}

/// Lines of an output that was asked for with timestamps, those that came together as one item.
pub(crate) fn lines(output: Output) -> impl Stream<Item = Result<Vec<LogLine>, Error>> + Send {
    let state = (output.ready_chunks(256), [Partial::default(), Partial::default()], false);
    stream::unfold(state, |(mut output, mut partial, over)| async move {
        if over {
            return None;
        }
        let mut lines = Vec::new();
        while lines.is_empty() {
            let Some(chunks) = output.next().await else {
                let last: Vec<_> = partial.iter_mut().enumerate().filter_map(|(of, part)| part.last(of == 1)).collect();
                return (!last.is_empty()).then_some((Ok(last), (output, partial, true)));
            };
            for chunk in chunks {
                match chunk {
                    Ok(chunk) => partial[usize::from(chunk.stderr)].take(&chunk, &mut lines),
                    Err(error) => return Some((Err(error), (output, partial, true))),
                }
            }
        }
        Some((Ok(lines), (output, partial, false)))
    })
    .flat_map(|item| {
        let parts: Vec<_> = match item {
            Ok(lines) => lines.chunks(AT_ONCE).map(|part| Ok(part.to_vec())).collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(parts)
    })
}

/// The beginning of a line whose end has not come.
#[derive(Default)]
struct Partial(Vec<u8>);

impl Partial {
    fn take(&mut self, chunk: &LogChunk, lines: &mut Vec<LogLine>) {
        for piece in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.0.len() >= LONGEST {
                lines.extend(self.last(chunk.stderr));
            }
        }
    }

    fn last(&mut self, stderr: bool) -> Option<LogLine> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        let (time, text) = match text.split_once(' ') {
            Some((time, rest)) if is_time(time) => (time, rest),
            _ if is_time(text) => (text, ""),
            _ => ("", text),
        };
        Some(LogLine { stderr, time: time.into(), text: text.into() })
    }
}

/// `2025-01-31T12:00:00.123456789Z`, as the engine writes it.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    (20..=35).contains(&bytes.len()) && bytes[4] == b'-' && bytes[10] == b'T' && bytes.ends_with(b"Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    const TIME: &str = "2025-01-31T12:00:00.123456789Z";

    fn said(pieces: &[(bool, &[u8])]) -> Output {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|(stderr, bytes)| Ok(LogChunk { stderr: *stderr, bytes: bytes.to_vec().into() }))
            .collect();
        Box::pin(stream::iter(pieces))
    }

    async fn heard(pieces: &[(bool, &[u8])]) -> Vec<LogLine> {
        lines(said(pieces)).try_concat().await.unwrap()
    }

    fn line(stderr: bool, time: &str, text: &str) -> LogLine {
        LogLine { stderr, time: time.into(), text: text.into() }
    }

    #[tokio::test]
    async fn lines_are_put_together_stream_by_stream() {
        let first = format!("{TIME} hel");
        let got = heard(&[(false, first.as_bytes()), (true, b"oops\n"), (false, b"lo\r\n"), (false, b"end")]).await;
        assert_eq!(got, [line(true, "", "oops"), line(false, TIME, "hello"), line(false, "", "end")]);
    }

    #[tokio::test]
    async fn an_empty_line_has_a_time_and_no_text() {
        let text = format!("{TIME} \n{TIME}\n");
        assert_eq!(heard(&[(false, text.as_bytes())]).await, [line(false, TIME, ""), line(false, TIME, "")]);
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_told_in_pieces() {
        let long = vec![b'x'; LONGEST];
        assert_eq!(heard(&[(false, &long), (false, b"y\n")]).await.len(), 2);
    }

    #[tokio::test]
    async fn a_failure_is_told_after_the_lines_before_it() {
        let broken: Output = Box::pin(stream::iter([
            Ok(LogChunk { stderr: false, bytes: "a\n".into() }),
            Err(Error::Broken("gone".into())),
        ]));
        let got: Vec<_> = lines(Box::pin(broken.chunks(1).flat_map(stream::iter))).collect().await;
        assert!(matches!(got.last(), Some(Err(Error::Broken(_)))));
    }
}
