//! `DELETE /containers/{name}`.

use crate::{
    detached,
    error::{ApiError, Reply},
    query::Query,
};
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use berth_engine::{Engine, container::RemoveOptions};
use http::StatusCode;

pub(super) async fn delete(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    if query.on("link") {
        return Err(ApiError::bad_request("links between containers are not supported: leave out --link"));
    }
    let options = RemoveOptions { force: query.on("force"), volumes: query.on("v") };
    detached::run(async move { engine.remove_container(&name, options).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
