//! The value of `--since`.

use crate::failure::{Failure, invalid};
use std::time::{SystemTime, UNIX_EPOCH};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Seconds since the Unix epoch from a time, such seconds, or an age.
///
/// # Errors
/// When it is none of these.
pub(super) fn parse(text: &str, now: SystemTime) -> Result<i32, Failure> {
    let bad = || {
        invalid(format!("invalid value for --since: {text:?}; give a time, seconds since 1970, or an age such as 10m"))
    };
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let seconds = if let Ok(seconds) = whole.parse::<i64>() {
        seconds
    } else if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        time.unix_timestamp()
    } else {
        now - age(text).ok_or_else(bad)?
    };
    i32::try_from(seconds.max(0)).map_err(|_| bad())
}

/// `1h30m`, `45s`: seconds.
fn age(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_seconds_and_ages_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (text, expected) in [
            ("1700000000", 1_700_000_000),
            ("1700000000.25", 1_700_000_000),
            ("2026-11-20T10:00:00Z", 1_795_168_800),
            ("10m", 1_799_999_400),
            ("1h30m", 1_799_994_600),
        ] {
            assert_eq!(parse(text, now).unwrap(), expected, "{text}");
        }
        for text in ["", "yesterday", "m", "10x", "m10", "99999999999"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
