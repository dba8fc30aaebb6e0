//! `POST /images/{name}/tag`.

use crate::{
    detached,
    error::{ApiError, Reply},
    query::Query,
};
use axum::response::IntoResponse;
use berth_engine::Engine;
use http::StatusCode;

pub(super) async fn post(engine: Engine, name: String, query: &Query) -> Reply {
    let repository = query.get("repo").ok_or_else(|| ApiError::bad_request("invalid reference format"))?;
    let target = match query.get("tag") {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository.to_owned(),
    };
    detached::run(async move { engine.tag_image(&name, &target).await }).await?;
    Ok(StatusCode::CREATED.into_response())
}
