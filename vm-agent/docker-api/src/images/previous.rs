//! `GET /images/{name}/previous`, which docker does not have: the images that a tag means and meant before, the last first.
//!
//! A list of `Id`, `Created` (seconds since 1970, as both times below), `Size` (bytes, unpacked), `TaggedAt`, and
//! `ReplacedAt`, which is null for the image of now. 404 when the tag never meant an image that is still here.

use crate::{error::Reply, wire::json};
use berth_engine::{Engine, Timestamp, image::TagMeaning};
use serde::Serialize;

pub(super) async fn get(engine: &Engine, name: &str) -> Reply {
    let meanings: Vec<Meaning> = engine.tag_meanings(name).await?.into_iter().map(Meaning::from).collect();
    Ok(json::ok(&meanings))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Meaning {
    id: String,
    created: i64,
    size: u64,
    tagged_at: i64,
    replaced_at: Option<i64>,
}

impl From<TagMeaning> for Meaning {
    fn from(meaning: TagMeaning) -> Self {
        Self {
            id: meaning.id,
            created: meaning.created.map_or(0, Timestamp::seconds),
            size: meaning.size,
            tagged_at: meaning.tagged.seconds(),
            replaced_at: meaning.replaced.map(Timestamp::seconds),
        }
    }
}
