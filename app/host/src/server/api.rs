//! `/berth/v1`: the machine, its console, its ports, and the end of berthd.

use super::{Server, console, ports};
use axum::{
    Json, Router,
    body::Body,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use berth_api::{MachineStatus, Problem};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Deserialize;
use std::convert::Infallible;

pub(crate) fn router(server: Server) -> Router {
    Router::new()
        .route("/berth/v1/machine", get(machine))
        .route("/berth/v1/machine/start", post(start))
        .route("/berth/v1/machine/stop", post(stop))
        .route("/berth/v1/events", get(events))
        .route("/berth/v1/console", get(show_console))
        .route("/berth/v1/ports", get(ports::list))
        .route("/berth/v1/ports/events", get(ports::events))
        .route("/berth/v1/ports/share", post(ports::share))
        .route("/berth/v1/shutdown", post(shutdown))
        .fallback(unknown)
        .with_state(server)
}

async fn machine(State(server): State<Server>) -> Json<MachineStatus> {
    Json(server.machine.status())
}

async fn start(State(server): State<Server>) -> Json<MachineStatus> {
    Json(server.machine.start().await)
}

async fn stop(State(server): State<Server>) -> Json<MachineStatus> {
    Json(server.machine.stop().await)
}

async fn shutdown(State(server): State<Server>) -> StatusCode {
    server.machine.stop().await;
    server.end.send_replace(true);
    StatusCode::NO_CONTENT
}

async fn events(State(server): State<Server>) -> Response {
    let mut board = server.machine.watch();
    // The first line is the state now, not the next change.
    board.mark_changed();
    ([("content-type", "application/x-ndjson")], Body::from_stream(lines(board))).into_response()
}

fn lines(
    board: tokio::sync::watch::Receiver<MachineStatus>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::unfold(board, |mut board| async {
        board.changed().await.ok()?;
        let mut line = serde_json::to_vec(&*board.borrow_and_update()).ok()?;
        line.push(b'\n');
        Some((Ok(line.into()), board))
    })
}

#[derive(Deserialize)]
struct ConsoleQuery {
    #[serde(default)]
    follow: String,
}

async fn show_console(State(server): State<Server>, Query(query): Query<ConsoleQuery>) -> Response {
    let follow = matches!(query.follow.as_str(), "1" | "true");
    let text = console::read(server.home.console_log(), follow);
    ([("content-type", "text/plain; charset=utf-8")], Body::from_stream(text)).into_response()
}

async fn unknown() -> Response {
    let message = "no such request; this berthd is of another version than its client";
    let problem = Problem::new(berth_api::Code::NotFound, message).hint("end it with: berth down");
    (StatusCode::NOT_FOUND, Json(problem)).into_response()
}
