//! The `platform` of a request about stored images: JSON of an OCI platform, or docker's short form.

use crate::{
    error::{ApiError, Reply},
    query::Query,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

/// The one platform that is asked for, as `os/architecture[/variant]`.
pub(super) fn of(query: &Query) -> Reply<Option<String>> {
    among(query, "platform")
}

/// As [`of`], where the parameter has another name.
pub(super) fn among(query: &Query, parameter: &str) -> Reply<Option<String>> {
    let mut all = query.all(parameter).filter(|text| !text.is_empty());
    let (first, more) = (all.next(), all.next());
    if more.is_some() {
        return Err(ApiError::bad_request(format!("multiple {parameter} parameters are not supported: give one")));
    }
    let Some(text) = first else { return Ok(None) };
    if !text.starts_with('{') {
        return Ok(Some(text.to_owned()));
    }
    let platform: Platform = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_request(format!("failed to parse platform: {error}")))?;
    let variant = if platform.variant.is_empty() { String::new() } else { format!("/{}", platform.variant) };
    Ok(Some(format!("{}/{}{variant}", platform.os, platform.architecture)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let of = |text: &str| of(&Query::parse(text)).map_err(|error| error.message().to_owned());
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("platform=linux/amd64"), Ok(Some("linux/amd64".to_owned())));
        let json = "platform=%7B%22architecture%22:%22arm%22,%22os%22:%22linux%22,%22variant%22:%22v7%22%7D";
        assert_eq!(of(json), Ok(Some("linux/arm/v7".to_owned())));
        assert!(of("platform=%7B").unwrap_err().starts_with("failed to parse platform"));
        assert!(of("platform=a/b&platform=c/d").unwrap_err().starts_with("multiple platform"));
    }
}
