//! Moments in queries: seconds since the Unix epoch with an optional fraction, `1700000000.000000001`.

use crate::error::ApiError;
use crate::query::Query;
use berth_engine::Timestamp;

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

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "[-+0-9.x]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn every_moment_survives(nanos in 0i64..4_000_000_000_000_000_000) {
            let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            prop_assert_eq!(parse(&text), Some(Timestamp(nanos)));
        }
    }
}
