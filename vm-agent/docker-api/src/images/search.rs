//! `GET /images/search`.

use crate::{
    error::{ApiError, Reply},
    query::Query,
    registries::credentials,
    wire::json,
};
use berth_engine::{Engine, image::Found};
use http::HeaderMap;
use serde::Serialize;

/// Docker's numbers.
const LIMIT: usize = 25;
const LIMITS: std::ops::RangeInclusive<i64> = 1..=100;

#[derive(Serialize)]
struct Row {
    star_count: u64,
    is_official: bool,
    name: String,
    /// Docker's registry builds nothing any more.
    is_automated: bool,
    description: String,
}

pub(super) async fn get(engine: &Engine, query: &Query, headers: &HeaderMap) -> Reply {
    let filters = query.filters(&["is-automated", "is-official", "stars"])?;
    let limit = match query.number::<i64>("limit")? {
        None | Some(0) => LIMIT,
        Some(limit) if LIMITS.contains(&limit) => usize::try_from(limit).unwrap_or(LIMIT),
        Some(limit) => return Err(ApiError::bad_request(format!("Limit {limit} is outside the range of [1, 100]"))),
    };
    let (automated, official) = (filters.yes("is-automated")?, filters.yes("is-official")?);
    let stars = filters.parsed::<u64>("stars")?.into_iter().max().unwrap_or(0);
    let term = query.get("term").unwrap_or_default();
    let found = engine.search_images(term, limit, credentials::from_headers(headers)).await?;
    let fits = |found: &Found| {
        automated != Some(true)
            && official.is_none_or(|official| official == found.is_official)
            && found.star_count >= stars
    };
    let rows: Vec<Row> = found.into_iter().filter(fits).map(Row::from).collect();
    Ok(json::ok(&rows))
}

impl From<Found> for Row {
    fn from(found: Found) -> Self {
        let Found { name, description, star_count, is_official } = found;
        Self { star_count, is_official, name, is_automated: false, description }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_reads_it() {
        let row = Row::from(Found { name: "nginx".into(), star_count: 7, is_official: true, ..Found::default() });
        let text = serde_json::to_string(&row).unwrap();
        let read: bollard_stubs::models::ImageSearchResponseItem = serde_json::from_str(&text).unwrap();
        assert_eq!((read.name.as_deref(), read.star_count, read.is_official), (Some("nginx"), Some(7), Some(true)));
    }
}
