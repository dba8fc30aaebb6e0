//! The container's log in docker's json-file format: one JSON object per line.

mod compress;
mod escape;
mod files;

use std::{
    io::Write,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
};

pub(crate) use self::compress::compress;
use self::{escape::escape, files::Files};
use crate::failure::{Context, Failure};

/// Entries are written together, once the streams have nothing more to read or this many bytes have come together.
const BATCH: usize = 64 * 1024;

/// Where a container's output is kept, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LogOptions {
    /// The file that is written.
    pub(crate) file: PathBuf,
    /// A file that is this large is followed by another, bytes.
    pub(crate) max_size: Option<NonZeroU64>,
    /// How many files there may be.
    pub(crate) max_files: NonZeroU32,
    /// Finished files are compressed.
    pub(crate) compress: bool,
    /// A JSON object that is `attrs` of every entry.
    pub(crate) attributes: Option<String>,
}

/// Which stream an entry is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Output,
    Error,
}

/// An open log.
#[derive(Debug)]
pub(super) struct Log {
    files: Files,
    batch: Vec<u8>,
    /// What stands between the stream and the time.
    attributes: Vec<u8>,
    /// Whether something failed since the last success, for one complaint per trouble.
    in_trouble: bool,
}

impl Log {
    /// Opens the log, to append to it.
    ///
    /// # Errors
    /// Those of open(2).
    pub(super) fn open(options: &LogOptions) -> Result<Self, Failure> {
        let files = Files::open(options).context(format_args!("open log {}", options.file.display()))?;
        let attributes = options.attributes.as_ref().map_or_else(Vec::new, |json| format!(",\"attrs\":{json}").into());
        Ok(Self { files, batch: Vec::new(), attributes, in_trouble: false })
    }

    /// Adds an entry with the bytes of `text`, read at `time`.
    pub(super) fn append(&mut self, source: Source, text: &[u8], time: &str) {
        if self.files.is_full(self.batch.len()) {
            self.flush();
            let turned = self.files.turn();
            self.note("the log cannot be continued in another file", turned);
        }
        self.batch.extend_from_slice(b"{\"log\":\"");
        escape(text, &mut self.batch);
        self.batch.extend_from_slice(match source {
            Source::Output => b"\",\"stream\":\"stdout\"",
            Source::Error => b"\",\"stream\":\"stderr\"",
        });
        self.batch.extend_from_slice(&self.attributes);
        self.batch.extend_from_slice(b",\"time\":\"");
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
        let written = self.files.write(&self.batch);
        self.note("log entries are lost", written);
        self.batch.clear();
        self.batch.shrink_to(BATCH);
    }

    /// Writes what is left and waits until it is on the disk.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.flush();
        self.files.save().context("save the log")
    }

    fn note(&mut self, trouble: &str, result: std::io::Result<()>) {
        if let Err(error) = &result
            && !self.in_trouble
        {
            writeln!(std::io::stderr(), "berth-runtime: {trouble}: {error}").ok();
        }
        self.in_trouble = result.is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TIME: &str = "2026-11-20T03:48:58.000000007Z";

    fn options(file: &Path) -> LogOptions {
        LogOptions {
            file: file.to_owned(),
            max_size: None,
            max_files: NonZeroU32::MIN,
            compress: false,
            attributes: None,
        }
    }

    fn open(file: &Path) -> Log {
        Log::open(&options(file)).unwrap()
    }

    fn entries(file: &Path) -> Vec<serde_json::Value> {
        std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn entries_read_as_dockers() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let mut log = open(&file);
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
    fn every_entry_carries_the_attributes() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let mut log =
            Log::open(&LogOptions { attributes: Some(r#"{"tier":"front"}"#.into()), ..options(&file) }).unwrap();
        log.append(Source::Output, b"x\n", TIME);
        log.finish().unwrap();
        let expected = format!(
            "{{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{{\"tier\":\"front\"}},\"time\":\"{TIME}\"}}\n"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
    }

    #[test]
    fn a_full_file_is_followed_by_another_and_the_oldest_go() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let size = NonZeroU64::new(1000);
        let options = LogOptions { max_size: size, max_files: NonZeroU32::new(3).unwrap(), ..options(&file) };
        let names = || {
            let names = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        let mut next = 0;
        // The second time as after a restart of the container.
        for last in ["container.log.7", "container.log.14"] {
            let mut log = Log::open(&options).unwrap();
            for _ in 0..100 {
                log.append(Source::Output, format!("{next}\n").as_bytes(), TIME);
                next += 1;
            }
            log.finish().unwrap();
            assert!(names().contains(last), "{:?}", names());
            assert_eq!(names().len(), 3, "{:?}", names());
        }
        let mut kept = Vec::new();
        for name in ["container.log.13", "container.log.14", "container.log"] {
            let length = std::fs::metadata(place.path().join(name)).unwrap().len();
            assert!(length < 1100, "{name}: {length}");
            kept.extend(entries(&place.path().join(name)).into_iter().map(|entry| entry["log"].clone()));
        }
        let expected: Vec<_> = (200 - kept.len()..200).map(|number| format!("{number}\n")).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn compressed_files_hold_what_the_plain_ones_held_and_go_as_they_would() {
        use std::io::Read;
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let size = NonZeroU64::new(1000);
        let options = LogOptions { max_size: size, max_files: NonZeroU32::new(3).unwrap(), ..options(&file) };
        let mut log = Log::open(&options).unwrap();
        for next in 0..100 {
            log.append(Source::Output, format!("{next}\n").as_bytes(), TIME);
        }
        log.finish().unwrap();
        let plain = std::fs::read(place.path().join("container.log.6")).unwrap();
        compress(&file).unwrap();
        compress(&file).unwrap();
        assert!(!place.path().join("container.log.6").exists());
        let compressed = std::fs::read(place.path().join("container.log.6.gz")).unwrap();
        assert!(compressed.len() < plain.len() / 2, "{}", compressed.len());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
        // As after a restart of the container.
        let mut log = Log::open(&options).unwrap();
        for next in 0..40 {
            log.append(Source::Output, format!("{next}\n").as_bytes(), TIME);
        }
        log.finish().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["container.log", "container.log.8", "container.log.9"]);
    }

    #[test]
    fn several_at_once_compress_a_log_and_lose_nothing() {
        for _ in 0..50 {
            let place = tempfile::tempdir().unwrap();
            let file = place.path().join("container.log");
            for number in 1..=4 {
                std::fs::write(place.path().join(format!("container.log.{number}")), vec![b'x'; 20_000]).unwrap();
            }
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| compress(&file).unwrap());
                }
            });
            let names = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            assert_eq!(names, (1..=4).map(|number| format!("container.log.{number}.gz")).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_log_of_one_file_begins_anew() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let mut log = Log::open(&LogOptions { max_size: NonZeroU64::new(200), ..options(&file) }).unwrap();
        for number in 0..8 {
            log.append(Source::Output, format!("{number}\n").as_bytes(), TIME);
        }
        log.finish().unwrap();
        let kept: Vec<_> = entries(&file).into_iter().map(|entry| entry["log"].clone()).collect();
        assert_eq!(kept, ["6\n", "7\n"]);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_power_cut_tore_spoils_no_other_entry() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        std::fs::write(&file, "{\"log\":\"to").unwrap();
        let mut log = open(&file);
        log.append(Source::Output, b"whole\n", TIME);
        log.finish().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(serde_json::from_str::<serde_json::Value>(lines[1]).unwrap()["log"], "whole\n");
    }

    #[test]
    fn any_byte_survives_or_is_marked() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("container.log");
        let text: String = (0..0x100).filter_map(char::from_u32).collect::<String>() + "\u{2028}한😀";
        let mut log = open(&file);
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
            let mut log = open(&file);
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
        assert!(Log::open(&options(&place.path().join("log"))).is_err());
    }
}
