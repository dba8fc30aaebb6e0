//! Where the last lines of a file begin, found from its end.

use std::{
    fs::File,
    io::{self},
    os::unix::fs::FileExt,
};

const BLOCK: u64 = 64 << 10;

/// The offset at which the last `lines` of the file's first `len` bytes begin, and how many there are. An unfinished
/// last line counts.
pub(super) fn start_of_last(file: &File, len: u64, lines: usize) -> io::Result<(u64, usize)> {
    if lines == 0 || len == 0 {
        return Ok((len, 0));
    }
    let mut block = vec![0; usize::try_from(BLOCK).unwrap_or(usize::MAX)];
    let mut end = len;
    let mut found = 0;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let part = &mut block[..usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(part, start)?;
        for (index, _) in part.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = start + u64::try_from(index).unwrap_or(0) + 1;
            // The newline at the very end closes the last line; it begins none.
            if after == len {
                continue;
            }
            found += 1;
            if found == lines {
                return Ok((after, lines));
            }
        }
        end = start;
    }
    // The first line begins where nothing ended.
    Ok((0, found + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn tail(text: &str, lines: usize) -> String {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let (start, found) = start_of_last(&file, text.len() as u64, lines).unwrap();
        assert_eq!(found, text[usize::try_from(start).unwrap()..].split_inclusive('\n').count());
        text[usize::try_from(start).unwrap()..].to_owned()
    }

    #[test]
    fn lines_longer_than_a_block_are_found() {
        let long = "x".repeat(200_000);
        let text = format!("first\n{long}\nlast\n");
        assert_eq!(tail(&text, 1), "last\n");
        assert_eq!(tail(&text, 2), format!("{long}\nlast\n"));
        assert_eq!(tail(&text, 9), text);
    }

    proptest! {
        #[test]
        fn the_tail_is_what_counting_from_the_front_finds(text in "[a\\n]{0,60}", lines in 0usize..8) {
            let all: Vec<&str> = text.split_inclusive('\n').collect();
            let expected = all[all.len().saturating_sub(lines)..].concat();
            prop_assert_eq!(tail(&text, lines), expected);
        }
    }
}
