//! Start, stop, restart, kill, pause, unpause, rename.

use crate::{
    detached,
    error::{ApiError, Reply},
    query::Query,
    version::ApiVersion,
};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use berth_engine::{Engine, container::StopOptions};
use http::{HeaderMap, StatusCode, header};

pub(super) async fn start(State(engine): State<Engine>, Path(name): Path<String>, headers: HeaderMap) -> Reply {
    // Long ago start took a configuration. Docker tells those clients that it is no longer read; an empty object
    // and less is let through.
    let length = headers.get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
    if length.unwrap_or(0) > 7 || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(ApiError::bad_request(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        ));
    }
    detached::run(async move { engine.start_container(&name).await }).await?;
    Ok(done())
}

pub(super) async fn stop(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    query: Query,
) -> Reply {
    let options = stop_options(&query, version)?;
    detached::run(async move { engine.stop_container(&name, options).await }).await?;
    Ok(done())
}

pub(super) async fn restart(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    query: Query,
) -> Reply {
    let options = stop_options(&query, version)?;
    detached::run(async move { engine.restart_container(&name, options).await }).await?;
    Ok(done())
}

pub(super) async fn kill(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let signal = query.get("signal").map(str::to_owned);
    detached::run(async move { engine.kill_container(&name, signal.as_deref()).await }).await?;
    Ok(done())
}

pub(super) async fn pause(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    detached::run(async move { engine.pause_container(&name).await }).await?;
    Ok(done())
}

pub(super) async fn unpause(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    detached::run(async move { engine.unpause_container(&name).await }).await?;
    Ok(done())
}

pub(super) async fn rename(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let new_name = query.get("name").unwrap_or_default().to_owned();
    if new_name.is_empty() {
        return Err(ApiError::bad_request("Neither old nor new names may be empty"));
    }
    detached::run(async move { engine.rename_container(&name, &new_name).await }).await?;
    Ok(done())
}

fn stop_options(query: &Query, version: ApiVersion) -> Reply<StopOptions> {
    Ok(StopOptions {
        timeout: query.number("t")?,
        signal: query.get("signal").filter(|_| version.at_least(42)).map(str::to_owned),
    })
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
