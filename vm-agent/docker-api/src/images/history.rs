//! `GET /images/{name}/history`.

use super::platform;
use crate::{error::Reply, query::Query, wire::json};
use berth_engine::{Engine, Timestamp, image::HistoryEntry};
use serde::Serialize;

pub(super) async fn get(engine: &Engine, name: &str, query: &Query) -> Reply {
    let entries = engine.image_history(name, platform::of(query)?.as_deref()).await?;
    let entries: Vec<Entry> = entries.into_iter().map(Entry::from).collect();
    Ok(json::ok(&entries))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    comment: String,
    created: i64,
    created_by: String,
    id: String,
    size: u64,
    tags: Option<Vec<String>>,
}

impl From<HistoryEntry> for Entry {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            comment: entry.comment,
            created: entry.created.map_or(0, Timestamp::seconds),
            created_by: entry.created_by,
            // Docker's word for a step that was made elsewhere.
            id: entry.id.unwrap_or_else(|| "<missing>".to_owned()),
            size: entry.size,
            tags: (!entry.tags.is_empty()).then_some(entry.tags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_dockers_and_the_oracle_reads_it() {
        let entry = HistoryEntry {
            id: None,
            created: Some(Timestamp(1_700_000_000_000_000_000)),
            created_by: "CMD [\"sh\"]".into(),
            tags: vec![],
            size: 5,
            comment: String::new(),
        };
        let text = serde_json::to_string(&Entry::from(entry)).unwrap();
        assert_eq!(
            text,
            r#"{"Comment":"","Created":1700000000,"CreatedBy":"CMD [\"sh\"]","Id":"<missing>","Size":5,"Tags":null}"#
        );
        let read: bollard_stubs::models::ImageHistoryResponseItem =
            serde_json::from_str(&text.replace("null", "[]")).unwrap();
        assert_eq!((read.size, read.id.as_str()), (5, "<missing>"));
    }
}
