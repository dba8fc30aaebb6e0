//! Moments in queries: seconds since the Unix epoch with an optional fraction, `1700000000.000000001`.

use crate::{error::ApiError, filters::Filters, query::Query};
use berth_engine::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The moment of a parameter; absent, or `0` for "no bound", is `None`.
///
/// # Errors
/// When the value is no moment.
pub(crate) fn from_query(query: &Query, key: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query.get(key).filter(|text| *text != "0") else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| {
        ApiError::bad_request(format!("invalid value for \"{key}\": invalid timestamp \"{text}\": give seconds since 1970, such as 1700000000 or 1700000000.5"))
    })
}

/// A fraction has at most 20 digits, of which 9 count, as docker has it.
fn parse(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().ok()?;
    if fraction.len() > 20 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp)
}

/// The moment of an `until` filter: seconds, RFC 3339, or an age such as `1h30m` (moby `timestamp.GetTimestamp`).
fn until(text: &str, now: Timestamp) -> Option<Timestamp> {
    parse(text).or_else(|| Timestamp::parse_rfc3339(text)).or_else(|| now.0.checked_sub(age(text)?).map(Timestamp))
}

/// The one moment of the `until` filter; `None` when it is absent.
///
/// # Errors
/// When it is no moment, or there are several.
pub(crate) fn until_filter(filters: &Filters, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    match filters.values("until").as_slice() {
        [] => Ok(None),
        [text] => until(text, now).map(Some).ok_or_else(|| {
            ApiError::bad_request(format!(
                "invalid filter 'until={text}': give a time, seconds since 1970, or an age such as 10m"
            ))
        }),
        _ => Err(ApiError::bad_request("more than one until filter specified")),
    }
}

/// The machine's time.
pub(crate) fn now() -> Timestamp {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// Go's durations, as far as people write ages with them: numbers with `h`, `m`, `s`, `ms`. Nanoseconds.
fn age(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0_i64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let unit = match &rest[digits..unit_end] {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[unit_end..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seconds_and_fractions_are_read() {
        for (text, nanos) in [
            ("1700000000", 1_700_000_000_000_000_000),
            ("1700000000.5", 1_700_000_000_500_000_000),
            ("1700000000.000000001", 1_700_000_000_000_000_001),
            ("1.0000000019", 1_000_000_001),
            ("5.", 5_000_000_000),
        ] {
            assert_eq!(parse(text), Some(Timestamp(nanos)), "{text}");
        }
        for bad in ["", "x", "1.x", "1.-5", "1.+5", "99999999999999", "1.000000000000000000000"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn absence_and_zero_are_no_bound() {
        let query = Query::parse("until=0&since=&bad=yesterday");
        assert_eq!(from_query(&query, "until").unwrap(), None);
        assert_eq!(from_query(&query, "since").unwrap(), None);
        assert!(from_query(&query, "bad").unwrap_err().message().starts_with("invalid value for \"bad\""));
    }

    #[test]
    fn an_until_is_a_time_or_an_age() {
        let now = Timestamp(1_800_000_000_000_000_000);
        for (text, seconds) in [
            ("1700000000", 1_700_000_000),
            ("2026-11-20T10:00:00Z", 1_795_168_800),
            ("10m", 1_799_999_400),
            ("1h30m", 1_799_994_600),
        ] {
            assert_eq!(until(text, now), Some(Timestamp(seconds * 1_000_000_000)), "{text}");
        }
        for bad in ["", "m", "10", "10x", "1h30", "99999999999999h"] {
            assert!(until(bad, now).is_none_or(|_| bad == "10"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "[-+0-9.xhms]{0,40}") {
            let _ = parse(&text);
            let _ = until(&text, Timestamp(0));
        }

        #[test]
        fn every_moment_survives(nanos in 0i64..4_000_000_000_000_000_000) {
            let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            prop_assert_eq!(parse(&text), Some(Timestamp(nanos)));
        }
    }
}
