//! The query string, read with docker's rules.

use crate::{error::ApiError, filters::Filters};
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;

/// The pairs of a query string, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string (without the question mark).
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a key; an empty one counts as absent, as docker counts.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.first(key).filter(|value| !value.is_empty())
    }

    /// Every value of a key, in order.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on. Absent, empty, `0`, `no`, `false` and `none` are off; all else is on.
    pub(crate) fn on(&self, key: &str) -> bool {
        self.first(key).is_some_and(|value| {
            !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
        })
    }

    /// A whole number; absent is `None`.
    ///
    /// # Errors
    /// When the value is no number.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let number = text
            .parse()
            .map_err(|_| ApiError::bad_request(format!("invalid value for \"{key}\": \"{text}\" is not a number")))?;
        Ok(Some(number))
    }

    /// The `filters` of a list, with no key outside `accepted`.
    ///
    /// # Errors
    /// When they cannot be read, or there are others.
    pub(crate) fn filters(&self, accepted: &[&str]) -> Result<Filters, ApiError> {
        let filters = Filters::parse(self.get("filters").unwrap_or_default())?;
        filters.only(accepted)?;
        Ok(filters)
    }

    fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_docker_reads_them() {
        let query = Query::parse("a=1&b=true&c=yes&d=0&e=False&f=none&g=&h=no&i");
        for (key, on) in [
            ("a", true),
            ("b", true),
            ("c", true),
            ("d", false),
            ("e", false),
            ("f", false),
            ("g", false),
            ("h", false),
            ("i", false),
            ("absent", false),
        ] {
            assert_eq!(query.on(key), on, "{key}");
        }
    }

    #[test]
    fn values_are_decoded_and_numbers_checked() {
        let query = Query::parse("name=a%20b+c&t=-1&limit=ten");
        assert_eq!(query.get("name"), Some("a b c"));
        assert_eq!(query.number::<i64>("t").unwrap(), Some(-1));
        assert_eq!(query.number::<i64>("absent").unwrap(), None);
        assert_eq!(
            query.number::<usize>("limit").unwrap_err().message(),
            "invalid value for \"limit\": \"ten\" is not a number"
        );
    }
}
