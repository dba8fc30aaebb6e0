//! Moments, and ages in words as docker's `units.HumanDuration` writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::{OffsetDateTime, macros::format_description};

/// How long ago `unix_seconds` was.
pub(crate) fn ago(unix_seconds: u64, now: SystemTime) -> String {
    let then = UNIX_EPOCH + Duration::from_secs(unix_seconds);
    format!("{} ago", words(now.duration_since(then).unwrap_or_default()))
}

/// `unix_seconds` as Go writes a time.
pub(crate) fn moment(unix_seconds: u64) -> String {
    let fixed = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] +0000 UTC");
    let at = i64::try_from(unix_seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    at.and_then(|at| at.format(fixed).ok()).unwrap_or_default()
}

fn words(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_dockers() {
        let day = 86_400;
        for (seconds, expected) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (180, "3 minutes"),
            (3600, "About an hour"),
            (5400, "2 hours"),
            (3 * day, "3 days"),
            (21 * day, "3 weeks"),
            (90 * day, "3 months"),
            (800 * day, "2 years"),
        ] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }
}
