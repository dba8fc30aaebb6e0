//! `-m` and `--cpus`: amounts with units.

use crate::error::Error;

/// Bytes from `512m`, `1.5g`, `1GiB`, `4096`; units count in 1024, as docker's.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn bytes(text: &str) -> Result<i64, Error> {
    let invalid = || Error::Invalid(format!("invalid size: '{text}'"));
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        "" if unit.ends_with("ib") => return Err(invalid()),
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return Err(invalid()),
    };
    scaled(number, 1 << power).ok_or_else(invalid)
}

/// Billionths of a CPU from `1.5`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn nano_cpus(text: &str) -> Result<i64, Error> {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.trim_end_matches('0').len() > 9 {
        return Err(Error::Invalid("value is too precise".into()));
    }
    scaled(text, 1_000_000_000).ok_or_else(|| Error::Invalid(format!("failed to parse {text} as a rational number")))
}

/// Nanoseconds from a duration as Go writes them: `1h30m`, `1.5s`, `300ms`; also negative.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn duration(text: &str) -> Result<i64, Error> {
    let invalid = || Error::Invalid(format!("time: invalid duration {text:?}"));
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let nanos = match &behind[..unit] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(invalid()),
        };
        total = scaled(number, nanos).and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = &behind[unit..];
    }
    Ok(sign * total)
}

/// A decimal number times `unit`, rounded down, without the error of binary fractions.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<i128>().ok()?.checked_mul(i128::from(unit))? / scale;
    whole.parse::<i64>().ok()?.checked_mul(unit)?.checked_add(i64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_count_in_1024() {
        for (text, expected) in [
            ("4096", 4096),
            ("512m", 512 << 20),
            ("1.5g", 3 << 29),
            ("1GiB", 1 << 30),
            ("2kb", 2048),
            ("7b", 7),
            ("1 m", 1 << 20),
        ] {
            assert_eq!(bytes(text).unwrap(), expected, "{text}");
        }
        for text in ["", "m", "-1m", "1x", "1ib", "1.2.3m", "9999999p"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_gos() {
        for (text, expected) in [
            ("30s", 30_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            ("300ms", 300_000_000),
            ("-2us", -2000),
            ("0", 0),
        ] {
            assert_eq!(duration(text).unwrap(), expected, "{text}");
        }
        for text in ["", "-", "10", "s", "1x", "1s2", "99999999h", "1..5s"] {
            assert_eq!(duration(text).unwrap_err().to_string(), format!("time: invalid duration {text:?}"));
        }
    }

    #[test]
    fn cpus_are_exact() {
        assert_eq!(nano_cpus("1.5").unwrap(), 1_500_000_000);
        assert_eq!(nano_cpus("0.1").unwrap(), 100_000_000);
        assert!(nano_cpus("0.0000000001").is_err());
        assert!(nano_cpus("two").is_err());
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in ".{0,30}") {
            drop(duration(&text));
            if let Ok(count) = bytes(&text) {
                prop_assert!(count >= 0);
            }
        }
    }
}
