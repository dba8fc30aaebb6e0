//! `GET /images/{name}/get` and `GET /images/get?names=`: images as one archive, written as it is read.

use super::platform;
use crate::{
    error::{ApiError, Reply},
    query::Query,
    wire::archive,
};
use axum::response::IntoResponse;
use berth_engine::Engine;
use http::header;

pub(super) async fn get(engine: &Engine, names: Vec<String>, query: &Query) -> Reply {
    if names.is_empty() {
        return Err(ApiError::bad_request("no image is named: give names"));
    }
    let saved = engine.save_images(&names, platform::of(query)?.as_deref()).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-tar")], archive::body(saved)).into_response())
}
