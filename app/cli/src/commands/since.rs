//! The values of `--since` and `--until`.

use crate::failure::{Failure, invalid};
use berth_api::run::quantity;
use std::time::{SystemTime, UNIX_EPOCH};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Nanoseconds since the Unix epoch from a time, seconds since then, or an age. `option` is named when it is none of
/// these.
///
/// # Errors
/// When it is none of these.
fn parse(text: &str, option: &str, now: SystemTime) -> Result<i64, Failure> {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    let time = || OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos().try_into().ok();
    let ago = || now.checked_sub(quantity::duration(text).ok()?);
    let moment = seconds(text).or_else(time).or_else(ago);
    moment.filter(|at| *at >= 0).ok_or_else(|| {
        invalid(format!("invalid value for {option}: {text:?}; give a time, seconds since 1970, or an age such as 10m"))
    })
}

/// `1700000000`, `1700000000.25`: nanoseconds.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// [`parse`], of an option that may be absent.
///
/// # Errors
/// Those of [`parse`].
pub(super) fn given(text: Option<&str>, option: &str) -> Result<Option<i64>, Failure> {
    text.map(|text| parse(text, option, SystemTime::now())).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_seconds_and_ages_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (text, expected) in [
            ("1700000000", 1_700_000_000_000_000_000),
            ("1700000000.25", 1_700_000_000_250_000_000),
            ("2026-11-20T10:00:00Z", 1_795_168_800_000_000_000),
            ("10m", 1_799_999_400_000_000_000),
            ("1h30m", 1_799_994_600_000_000_000),
            ("500ms", 1_799_999_999_500_000_000),
        ] {
            assert_eq!(parse(text, "--since", now).unwrap(), expected, "{text}");
        }
        for text in ["", "yesterday", "m", "10x", "m10", "99999999999"] {
            let failure = format!("{:?}", parse(text, "--until", now).unwrap_err());
            assert!(failure.contains("invalid value for --until"), "{text}: {failure}");
        }
    }
}
