//! The `filters` parameter: JSON in either of the two forms that clients send,
//! `{"label": {"a=b": true}}` (docker, compose) and `{"label": ["a=b"]}` (the documented one).

use crate::error::ApiError;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Filter names and their values; a value counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters(BTreeMap<String, BTreeSet<String>>);

/// Docker decides between the forms for the whole object, but takes mixed ones in neither; taking each key by itself
/// reads everything that docker reads.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Map(BTreeMap<String, Option<bool>>),
    List(Vec<String>),
    Null,
}

impl Filters {
    /// Reads the parameter; empty text is no filter.
    ///
    /// # Errors
    /// When it is neither form.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let keys: Option<BTreeMap<String, Values>> =
            serde_json::from_str(text).map_err(|_| ApiError::bad_request("invalid filter"))?;
        let read = |values| match values {
            // Docker looks at the keys alone here: `{"a=b": false}` filters too.
            Values::Map(map) => map.into_keys().collect(),
            Values::List(list) => list.into_iter().collect(),
            Values::Null => BTreeSet::new(),
        };
        Ok(Self(keys.unwrap_or_default().into_iter().map(|(key, values)| (key, read(values))).collect()))
    }

    /// Refuses filters that are not among these.
    pub(crate) fn only(&self, accepted: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|key| !accepted.contains(&key.as_str())) {
            Some(key) => Err(ApiError::bad_request(format!("invalid filter '{key}'"))),
            None => Ok(()),
        }
    }

    /// The values of a filter, in order of text; none when it is absent.
    pub(crate) fn values(&self, key: &str) -> Vec<String> {
        self.0.get(key).map(|values| values.iter().cloned().collect()).unwrap_or_default()
    }

    /// The values of a filter, each read as a `T`.
    ///
    /// # Errors
    /// The first value that is none.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<Vec<T>, ApiError> {
        self.values(key).iter().map(|value| value.parse().map_err(|_| refused(key, &[value.as_str()]))).collect()
    }

    /// A yes-or-no filter; `None` when it is absent.
    ///
    /// # Errors
    /// When it is neither, or both.
    pub(crate) fn yes(&self, key: &str) -> Result<Option<bool>, ApiError> {
        let Some(values) = self.0.get(key) else { return Ok(None) };
        let says = |words: [&str; 2]| words.iter().any(|word| values.contains(*word));
        match (says(["1", "true"]), says(["0", "false"])) {
            (true, false) => Ok(Some(true)),
            (false, true) => Ok(Some(false)),
            _ => Err(refused(key, &values.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }
}

/// Docker's text, with the values in Go's list form.
fn refused(key: &str, values: &[&str]) -> ApiError {
    ApiError::bad_request(format!("invalid filter '{key}=[{}]'", values.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn both_forms_and_absence_are_read() {
        let map = Filters::parse(r#"{"label":{"a=b":true,"c":true},"status":{"running":true}}"#).unwrap();
        let list = Filters::parse(r#"{"label":["c","a=b"],"status":["running"]}"#).unwrap();
        assert_eq!(map, list);
        assert_eq!(map.values("label"), ["a=b", "c"]);
        assert!(map.values("name").is_empty());
        for empty in ["", "{}", "null"] {
            assert_eq!(Filters::parse(empty).unwrap(), Filters::default());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_dockers_words() {
        for bad in ["[]", "{", "7", r#"{"a":1}"#, r#"{"a":{"b":"c"}}"#] {
            assert_eq!(Filters::parse(bad).unwrap_err().message(), "invalid filter", "{bad}");
        }
        let filters = Filters::parse(r#"{"dangling":["maybe"],"exited":["x"],"nope":[]}"#).unwrap();
        assert_eq!(filters.only(&["dangling", "exited"]).unwrap_err().message(), "invalid filter 'nope'");
        assert_eq!(filters.yes("dangling").unwrap_err().message(), "invalid filter 'dangling=[maybe]'");
        assert_eq!(filters.parsed::<i64>("exited").unwrap_err().message(), "invalid filter 'exited=[x]'");
    }

    #[test]
    fn a_switch_is_yes_or_no_but_not_both() {
        let yes = |text: &str| Filters::parse(text).unwrap().yes("dangling");
        assert_eq!(yes(r#"{"dangling":["1"]}"#).unwrap(), Some(true));
        assert_eq!(yes(r#"{"dangling":{"false":true}}"#).unwrap(), Some(false));
        assert_eq!(yes("{}").unwrap(), None);
        assert!(yes(r#"{"dangling":["true","0"]}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_filters_mean_the_same_in_both_forms(
            filters in proptest::collection::btree_map(
                ".{0,12}",
                proptest::collection::btree_set(".{0,12}", 0..4),
                0..4,
            ),
        ) {
            let list = json!(filters);
            let map = json!(filters.iter().map(|(key, values)| {
                (key.clone(), values.iter().map(|value| (value.clone(), true)).collect::<BTreeMap<_, _>>())
            }).collect::<BTreeMap<_, _>>());
            let (list, map) = (Filters::parse(&list.to_string()).unwrap(), Filters::parse(&map.to_string()).unwrap());
            prop_assert_eq!(&list, &map);
            for (key, values) in &filters {
                prop_assert_eq!(list.values(key), values.iter().cloned().collect::<Vec<_>>());
            }
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,200}") {
            drop(Filters::parse(&text));
        }
    }
}
