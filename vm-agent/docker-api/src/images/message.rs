//! What a pull or a push says: its lines, and the answer that they are.

use crate::{
    error::{ApiError, Reply},
    wire::lines,
};
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Serialize;

/// An answer that goes on for as long as there is progress, each of it as `said`.
pub(super) async fn reply<T: Send + 'static>(
    mut progress: BoxStream<'static, berth_engine::Result<T>>,
    said: fn(&T) -> Bytes,
) -> Reply {
    // Until the first line is out an error can still be the answer's status.
    let first = progress.next().await.transpose()?;
    let lines = stream::iter(first.map(Ok)).chain(progress).map(move |item: berth_engine::Result<T>| match item {
        Ok(progress) => said(&progress),
        Err(error) => lines::error_line(&ApiError::from(error)),
    });
    Ok(lines::reply("application/json", lines))
}

/// One line.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) progress_detail: Option<Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
}

impl Message<'_> {
    pub(super) fn status(status: String) -> Self {
        Self { status, progress_detail: None, id: None }
    }
}
