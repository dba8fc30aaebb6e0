//! The container's log in docker's json-file format: one JSON object per line.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::failure::{Context, Failure};

/// Entries are written together, once the streams have nothing more to read or this many bytes have come together.
const BATCH: usize = 64 * 1024;

/// Which stream an entry is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Output,
    Error,
}

/// An open log.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    batch: Vec<u8>,
    /// Length of the file up to the end of its last whole entry.
    length: u64,
    /// Whether entries were lost since the last success, for one complaint per trouble.
    in_trouble: bool,
}

impl Log {
    /// Opens the log at `path`, to append to it.
    ///
    /// # Errors
    /// Those of open(2).
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        let options = options.append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW);
        let mut file = options.open(path).context(format_args!("open log {}", path.display()))?;
        let length = file.seek(SeekFrom::End(0)).context("find the end of the log")?;
        Ok(Self { file, batch: Vec::new(), length, in_trouble: false })
    }

    /// Adds an entry with the bytes of `text`, read at `time`.
    pub(super) fn append(&mut self, source: Source, text: &[u8], time: &str) {
        self.batch.extend_from_slice(b"{\"log\":\"");
        escape(text, &mut self.batch);
        self.batch.extend_from_slice(match source {
            Source::Output => b"\",\"stream\":\"stdout\",\"time\":\"",
            Source::Error => b"\",\"stream\":\"stderr\",\"time\":\"",
        });
        self.batch.extend_from_slice(time.as_bytes());
        self.batch.extend_from_slice(b"\"}\n");
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Writes the entries added so far. When the disk is full they are lost, but no entry is ever torn, and the
    /// container goes on: a writer must not hang for its log.
    pub(super) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        match self.file.write_all(&self.batch) {
            Ok(()) => {
                self.length += self.batch.len() as u64;
                self.in_trouble = false;
            }
            Err(error) => {
                self.file.set_len(self.length).ok();
                if !self.in_trouble {
                    writeln!(std::io::stderr(), "berth-runtime: log entries are lost: {error}").ok();
                }
                self.in_trouble = true;
            }
        }
        self.batch.clear();
        self.batch.shrink_to(BATCH);
    }

    /// Writes what is left and waits until it is on the disk.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.flush();
        self.file.sync_data().context("save the log")
    }
}

/// Appends `text` as the inside of a JSON string. What is not UTF-8 becomes U+FFFD, as docker does it.
fn escape(text: &[u8], into: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        escape_valid(chunk.valid().as_bytes(), into);
        if !chunk.invalid().is_empty() {
            into.extend_from_slice(b"\\ufffd");
        }
    }
}

fn escape_valid(mut text: &[u8], into: &mut Vec<u8>) {
    let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    while let Some(at) = text.iter().position(needs_escape) {
        into.extend_from_slice(&text[..at]);
        match text[at] {
            b'\n' => into.extend_from_slice(b"\\n"),
            b'\r' => into.extend_from_slice(b"\\r"),
            b'\t' => into.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => into.extend_from_slice(&[b'\\', byte]),
            byte => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                into.extend_from_slice(b"\\u00");
                into.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        text = &text[at + 1..];
    }
    into.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-20T03:48:58.000000007Z";

    fn entries(file: &Path) -> Vec<serde_json::Value> {
        std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn entries_read_as_dockers() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let mut log = Log::open(&file).unwrap();
        log.append(Source::Output, b"hello\n", TIME);
        log.append(Source::Error, b"oops", TIME);
        log.finish().unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            format!(
                "{{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"{TIME}\"}}\n\
                 {{\"log\":\"oops\",\"stream\":\"stderr\",\"time\":\"{TIME}\"}}\n"
            )
        );
    }

    #[test]
    fn any_byte_survives_or_is_marked() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let text: String = (0..0x100).filter_map(char::from_u32).collect::<String>() + "\u{2028}한😀";
        let mut log = Log::open(&file).unwrap();
        log.append(Source::Output, text.as_bytes(), TIME);
        log.append(Source::Output, b"a\xffb\xe2\x82", TIME);
        log.finish().unwrap();
        assert_eq!(entries(&file)[0]["log"], text);
        assert_eq!(entries(&file)[1]["log"], "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_log_goes_on_where_it_ended() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        for _ in 0..2 {
            let mut log = Log::open(&file).unwrap();
            for _ in 0..5000 {
                log.append(Source::Output, b"a line of some length\n", TIME);
            }
            log.finish().unwrap();
        }
        assert_eq!(entries(&file).len(), 10_000);
    }

    #[test]
    fn a_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("log")).unwrap();
        assert!(Log::open(&place.path().join("log")).is_err());
    }
}
