//! `POST /containers/{name}/attach`: the connection stops being HTTP and carries the container's standard streams; and
//! `resize`, for its terminal.

use crate::{
    error::{ApiError, Reply},
    hijack::{self, Connection},
    query::Query,
    version::ApiVersion,
    wire::output_type,
};
use axum::{
    extract::{Path, Request, State},
    response::IntoResponse,
};
use berth_engine::{Engine, attach::AttachOptions};
use http::StatusCode;

pub(super) async fn post(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    query: Query,
    mut request: Request,
) -> Reply {
    let options = AttachOptions {
        stdin: query.on("stdin"),
        stdout: query.on("stdout"),
        stderr: query.on("stderr"),
        logs: query.on("logs"),
        stream: query.on("stream"),
        detach_keys: query.get("detachKeys").map(str::to_owned),
    };
    // The attachment is in place before the answer's head: what the container writes from here on is not missed.
    let attachment = engine.attach_container(&name, options).await?;
    let Some(connection) = Connection::take(&mut request) else { return Ok(hijack::body(attachment)) };
    let tty = attachment.tty;
    Ok(connection.hand_over(output_type(version, tty), tty, async move { Ok(attachment) }))
}

pub(super) async fn resize(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let (rows, columns) = size(&query)?;
    engine.resize_container(&name, rows, columns).await?;
    Ok(StatusCode::OK.into_response())
}

/// `h` and `w`, cells.
///
/// # Errors
/// When one is missing or no number.
pub(crate) fn size(query: &Query) -> Reply<(u16, u16)> {
    let cells = |key: &str, what: &str| {
        let text = query.get(key).unwrap_or_default();
        text.parse().map_err(|_| ApiError::bad_request(format!("invalid resize {what} {text:?}: it is not a number")))
    };
    Ok((cells("h", "height")?, cells("w", "width")?))
}
