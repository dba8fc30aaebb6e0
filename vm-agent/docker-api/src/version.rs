//! API versions: which are served, and what is said to the others.

use std::fmt;

/// The newest API version served; what an unversioned path means.
pub const CURRENT: ApiVersion = ApiVersion::new(1, 53);
/// The oldest API version served.
pub const OLDEST: ApiVersion = ApiVersion::new(1, 24);

/// The version of Docker's API that a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u32,
    minor: u32,
}

/// A version that is not served. The texts are docker's; clients read the version out of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Older than [`OLDEST`].
    #[error(
        "client version {0} is too old. Minimum supported API version is {OLDEST}, please upgrade your client to a newer version"
    )]
    TooOld(String),
    /// Newer than [`CURRENT`].
    #[error("client version {0} is too new. Maximum supported API version is {CURRENT}")]
    TooNew(String),
}

impl ApiVersion {
    /// Version `major.minor`.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The version in a path's `v1.51`, given as `1.51` (digits and dots only). What follows a second dot is not
    /// looked at; a missing part counts as 0, as docker counts.
    ///
    /// # Errors
    /// When the version is not served.
    pub fn negotiate(text: &str) -> Result<Self, Refused> {
        let mut parts = text.split('.').map(|part| if part.is_empty() { 0 } else { part.parse().unwrap_or(u32::MAX) });
        let asked = Self::new(parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if asked < OLDEST {
            Err(Refused::TooOld(text.to_owned()))
        } else if asked > CURRENT {
            Err(Refused::TooNew(text.to_owned()))
        } else {
            Ok(asked)
        }
    }

    /// Whether this is `1.minor` or newer.
    #[must_use]
    pub fn at_least(self, minor: u32) -> bool {
        self >= Self::new(1, minor)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_ends_of_the_range_are_served_and_nothing_beyond() {
        assert_eq!(ApiVersion::negotiate("1.24"), Ok(OLDEST));
        assert_eq!(ApiVersion::negotiate(&CURRENT.to_string()), Ok(CURRENT));
        assert_eq!(
            ApiVersion::negotiate("1.23").unwrap_err().to_string(),
            "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
        );
        assert_eq!(
            ApiVersion::negotiate("1.99").unwrap_err().to_string(),
            "client version 1.99 is too new. Maximum supported API version is 1.53"
        );
        assert!(ApiVersion::negotiate("2").is_err());
        assert!(ApiVersion::negotiate("1").is_err());
    }

    #[test]
    fn versions_compare_as_numbers_not_as_text() {
        assert!(!ApiVersion::new(1, 9).at_least(24));
        assert!(ApiVersion::new(1, 51).at_least(51));
    }

    proptest! {
        #[test]
        fn any_digits_and_dots_get_an_answer(text in "[0-9.]{1,30}") {
            if let Ok(version) = ApiVersion::negotiate(&text) {
                prop_assert!((OLDEST..=CURRENT).contains(&version));
            }
        }
    }
}
