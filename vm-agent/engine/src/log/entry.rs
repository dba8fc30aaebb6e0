//! One line of a container's log file, in docker's `json-file` format.

use super::Stdio;
use crate::Timestamp;
use serde::Deserialize;
use std::{borrow::Cow, collections::BTreeMap};

/// What a line of the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stdio: Stdio,
    pub(super) at: Timestamp,
    /// Ends with a newline unless the container's line was longer than one piece.
    pub(super) text: String,
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(default, rename = "attrs")]
    attributes: BTreeMap<String, String>,
}

/// The entry on a line; `None` for a line that is damaged.
pub(super) fn parse(line: &[u8]) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let stdio = match line.stream.as_ref() {
        "stdout" => Stdio::Stdout,
        "stderr" => Stdio::Stderr,
        _ => return None,
    };
    let at = Timestamp::parse_rfc3339(&line.time)?;
    Some(Entry { stdio, at, text: line.log.into_owned(), attributes: line.attributes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_a_damaged_one_is_none() {
        let entry = parse(br#"{"log":"h\u00e9\n","stream":"stderr","time":"2026-11-21T03:00:00.000000001Z"}"#).unwrap();
        assert_eq!((entry.stdio, entry.text.as_str()), (Stdio::Stderr, "hé\n"));
        assert_eq!(entry.at.rfc3339(), "2026-11-21T03:00:00.000000001Z");
        for bad in [&b"{\"log\":\"x"[..], b"", b"{}", br#"{"log":"","stream":"in","time":"2026-11-21T03:00:00Z"}"#] {
            assert_eq!(parse(bad), None);
        }
    }
}
