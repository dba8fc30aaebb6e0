//! `GET /images/json`.

use crate::{error::Reply, moment, query::Query, version::ApiVersion, wire::json};
use berth_engine::{
    Engine,
    image::{ImageFilters, ImageSummary},
};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) async fn get(engine: &Engine, version: ApiVersion, query: &Query) -> Reply {
    let filters = query.filters(&["before", "dangling", "label", "reference", "since", "until"])?;
    let mut filters = ImageFilters {
        reference: filters.values("reference"),
        label: filters.values("label"),
        dangling: filters.yes("dangling")?,
        before: filters.values("before"),
        since: filters.values("since"),
        until: moment::until_filter(&filters, moment::now())?,
    };
    // Before API 1.25 a pattern had a parameter of its own.
    if filters.reference.is_empty() && !version.at_least(25) {
        filters.reference.extend(query.get("filter").map(str::to_owned));
    }
    let images = engine.list_images(filters, query.on("shared-size")).await?;
    Ok(json::ok(&images.into_iter().map(|image| Summary::new(image, version)).collect::<Vec<_>>()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
    containers: i64,
    created: i64,
    id: String,
    labels: BTreeMap<String, String>,
    parent_id: &'static str,
    repo_digests: Vec<String>,
    repo_tags: Vec<String>,
    // Docker's word for "not computed" is -1.
    shared_size: i64,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_size: Option<u64>,
}

impl Summary {
    pub(crate) fn new(image: ImageSummary, version: ApiVersion) -> Self {
        let nameless = image.repo_tags.is_empty() && image.repo_digests.is_empty() && !version.at_least(43);
        let or_none = |names: Vec<String>, none: &str| if nameless { vec![none.to_owned()] } else { names };
        Self {
            containers: if version.at_least(51) { i64::try_from(image.containers).unwrap_or(-1) } else { -1 },
            created: image.created.map_or(0, berth_engine::Timestamp::seconds),
            id: image.id,
            labels: image.labels,
            parent_id: "",
            repo_digests: or_none(image.repo_digests, "<none>@<none>"),
            repo_tags: or_none(image.repo_tags, "<none>:<none>"),
            shared_size: image.shared.map_or(-1, number),
            size: image.size,
            virtual_size: (!version.at_least(44)).then_some(image.size),
        }
    }

    /// With what only `/system/df` computes: the bytes it shares with other images, and its containers whatever the
    /// version.
    pub(crate) fn with_usage(self, shared: u64, containers: usize) -> Self {
        Self { shared_size: number(shared), containers: number(containers as u64), ..self }
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::Timestamp;

    fn image() -> ImageSummary {
        ImageSummary {
            id: format!("sha256:{}", "ab".repeat(32)),
            repo_tags: vec![],
            repo_digests: vec![],
            created: Some(Timestamp(1_700_000_000_000_000_000)),
            size: 1234,
            labels: BTreeMap::new(),
            containers: 2,
            shared: None,
        }
    }

    #[test]
    fn the_oracle_reads_a_line_of_the_list() {
        let text = serde_json::to_string(&Summary::new(image(), crate::CURRENT)).unwrap();
        let read: bollard_stubs::models::ImageSummary = serde_json::from_str(&text).unwrap();
        assert_eq!((read.containers, read.created, read.size), (2, 1_700_000_000, 1234));
        assert!(read.repo_tags.is_empty());
    }

    #[test]
    fn old_clients_get_what_they_knew() {
        let old = serde_json::to_value(Summary::new(image(), ApiVersion::new(1, 40))).unwrap();
        assert_eq!(old["RepoTags"], serde_json::json!(["<none>:<none>"]));
        assert_eq!(old["RepoDigests"], serde_json::json!(["<none>@<none>"]));
        assert_eq!((&old["VirtualSize"], &old["Containers"]), (&1234.into(), &(-1).into()));
        let new = serde_json::to_value(Summary::new(image(), crate::CURRENT)).unwrap();
        assert_eq!(new.get("VirtualSize"), None);
    }
}
