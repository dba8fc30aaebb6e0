//! Bytes in words, as docker's `units.HumanSizeWithPrecision(size, 3)` writes them: decimal units, three digits.

const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// `bytes` in words.
pub(crate) fn words(bytes: u64) -> String {
    decimal(bytes, 3)
}

/// `bytes` in words with four digits, as docker's `units.HumanSize` writes them.
pub(crate) fn finer_words(bytes: u64) -> String {
    decimal(bytes, 4)
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn decimal(bytes: u64, digits: usize) -> String {
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = match size {
        _ if unit == 0 => 0,
        size if size >= 100.0 => digits - 3,
        size if size >= 10.0 => digits - 2,
        _ => digits - 1,
    };
    let number = format!("{size:.digits$}");
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number}{}", UNITS[unit])
}

const BINARY_UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// `bytes` in binary units with four digits, as docker's `units.BytesSize` writes them.
#[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
pub(crate) fn binary(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < BINARY_UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = match size {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let number = format!("{size:.digits$}");
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number}{}", BINARY_UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_dockers() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (4_260_000, "4.26MB"),
            (72_800_000, "72.8MB"),
            (187_654_321, "188MB"),
            (1_200_000_000, "1.2GB"),
        ] {
            assert_eq!(words(bytes), expected);
        }
    }

    #[test]
    fn finer_words_have_four_digits() {
        for (bytes, expected) in [(0, "0B"), (212, "212B"), (16_428_000, "16.43MB"), (123_456_789, "123.5MB")] {
            assert_eq!(finer_words(bytes), expected);
        }
    }

    #[test]
    fn binary_sizes_have_four_digits() {
        for (bytes, expected) in
            [(0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (2_071_986_176, "1.93GiB"), (52_428_800, "50MiB")]
        {
            assert_eq!(binary(bytes), expected);
        }
    }
}
