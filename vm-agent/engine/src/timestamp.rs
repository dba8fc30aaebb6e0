//! A moment, in nanoseconds since the Unix epoch.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A moment of the wall clock: nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// What docker prints for a moment that has not come.
    pub const NEVER: &str = "0001-01-01T00:00:00Z";

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// RFC 3339 in UTC with nanoseconds and no trailing zeros, as Go's `RFC3339Nano` prints.
    #[must_use]
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0))
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .unwrap_or_else(|| Self::NEVER.to_owned())
    }

    /// RFC 3339 in UTC with exactly nine digits of fraction: the prefix of a log line with timestamps.
    #[must_use]
    pub fn rfc3339_fixed(self) -> String {
        let short = self.rfc3339();
        let body = short.trim_end_matches('Z');
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        format!("{whole}.{fraction:0<9}Z")
    }

    /// A moment written as RFC 3339, any offset.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.to_offset(UtcOffset::UTC);
        i64::try_from(at.unix_timestamp_nanos()).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_number_agree(nanos in 0i64..4_000_000_000_000_000_000) {
            let at = Timestamp(nanos);
            prop_assert_eq!(Timestamp::parse_rfc3339(&at.rfc3339()), Some(at));
            prop_assert_eq!(Timestamp::parse_rfc3339(&at.rfc3339_fixed()), Some(at));
            prop_assert_eq!(at.rfc3339_fixed().len(), "2026-01-01T00:00:00.000000000Z".len());
        }
    }

    #[test]
    fn trailing_zeros_are_left_out_as_go_does() {
        assert_eq!(Timestamp(1_800_000_000_500_000_000).rfc3339(), "2027-01-15T08:00:00.5Z");
        assert_eq!(Timestamp(1_800_000_000_000_000_000).rfc3339(), "2027-01-15T08:00:00Z");
    }
}
