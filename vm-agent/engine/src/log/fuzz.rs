//! Log files that are cut anywhere and damaged.

use super::{LogFrame, LogOptions, Stdio, reader::Lines};
use crate::Timestamp;
use proptest::{collection::vec, prelude::*};
use serde_json::json;

fn line(error: bool, second: u8, text: &str) -> String {
    let stream = if error { "stderr" } else { "stdout" };
    format!("{}\n", json!({ "log": text, "stream": stream, "time": format!("2026-01-01T00:00:{second:02}Z") }))
}

/// The frames in a file that is read in pieces of these lengths.
fn read(mut file: &[u8], cuts: &[usize], timestamps: bool) -> Vec<LogFrame> {
    let options = LogOptions { stdout: true, stderr: true, timestamps, ..LogOptions::default() };
    let (mut lines, mut frames) = (Lines::new(options, Timestamp(0)), Vec::new());
    for cut in cuts.iter().cycle() {
        if file.is_empty() {
            break;
        }
        let (piece, rest) = file.split_at((*cut).min(file.len()));
        frames.extend(lines.frames(piece));
        file = rest;
    }
    frames
}

proptest! {
    #[test]
    fn what_was_written_is_read_however_it_is_cut(
        entries in vec((any::<bool>(), 0_u8..60, ".{0,40}\n?"), 0..12), cuts in berth_fuzz::cuts(), timestamps: bool,
    ) {
        let file: String = entries.iter().map(|(error, second, text)| line(*error, *second, text)).collect();
        let frames = read(file.as_bytes(), &cuts, timestamps);
        prop_assert_eq!(frames.len(), entries.len());
        for (frame, (error, _, text)) in frames.iter().zip(&entries) {
            prop_assert_eq!(frame.stdio, if *error { Stdio::Stderr } else { Stdio::Stdout });
            let is_whole = if timestamps { frame.bytes.ends_with(text.as_bytes()) } else { frame.bytes == text.as_bytes() };
            prop_assert!(is_whole, "{:?}", frame);
        }
    }

    #[test]
    fn a_damaged_file_loses_only_the_lines_that_are_damaged(
        damaged in berth_fuzz::damaged([line(false, 1, "one\n"), line(true, 2, "tw"), line(true, 3, "o\n")].concat().into_bytes()),
        cuts in berth_fuzz::cuts(),
    ) {
        let at_once = read(&damaged, &[damaged.len().max(1)], false);
        prop_assert_eq!(read(&damaged, &cuts, false), at_once, "the way it is cut must not matter");
        let file = [&damaged[..], b"\n", line(false, 4, "after\n").as_bytes()].concat();
        let last = read(&file, &cuts, false).pop().map(|frame| frame.bytes);
        prop_assert_eq!(last.as_deref(), Some(&b"after\n"[..]));
    }
}
