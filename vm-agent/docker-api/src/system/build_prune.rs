//! `POST /build/prune`.

use crate::{error::Reply, wire::json};
use serde::Serialize;

pub(super) async fn post() -> Reply {
    // The engine builds nothing yet, so it keeps nothing of it.
    Ok(json::ok(&Answer { caches_deleted: None, space_reclaimed: 0 }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    caches_deleted: Option<Vec<String>>,
    space_reclaimed: u64,
}
