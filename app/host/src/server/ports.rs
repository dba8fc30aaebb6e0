//! `/berth/v1/ports`: which there are, their changes, and who may reach them.

use super::Server;
use crate::{
    ports::{HostPort, Ports},
    settings,
};
use axum::{
    Json,
    body::Body,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use berth_api::{Code, Problem, PublishedPort, SharePorts};
use bytes::Bytes;
use futures_util::{Stream, stream};
use std::{convert::Infallible, sync::Arc};

pub(super) async fn list(State(server): State<Server>) -> Json<Vec<PublishedPort>> {
    Json(server.ports.list())
}

/// The list now and after each change, one a line.
pub(super) async fn events(State(server): State<Server>) -> Response {
    ([("content-type", "application/x-ndjson")], Body::from_stream(lines(server.ports))).into_response()
}

fn lines(ports: Arc<Ports>) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let mut changed = ports.watch();
    changed.mark_changed();
    stream::unfold((ports, changed, None), |(ports, mut changed, mut shown)| async move {
        loop {
            changed.changed().await.ok()?;
            let now = ports.list();
            if shown.as_ref() == Some(&now) {
                continue;
            }
            let mut line = serde_json::to_vec(&now).ok()?;
            line.push(b'\n');
            shown = Some(now);
            return Some((Ok(line.into()), (ports, changed, shown)));
        }
    })
}

/// Takes a word on sharing: at once, and for good.
pub(super) async fn share(
    State(server): State<Server>,
    wish: Result<Json<SharePorts>, JsonRejection>,
) -> Result<Json<Vec<PublishedPort>>, (StatusCode, Json<Problem>)> {
    let problem = |status, code, message: String| (status, Json(Problem::new(code, message)));
    let Json(wish) = wish.map_err(|rejected| {
        problem(
            StatusCode::BAD_REQUEST,
            Code::InvalidArgument,
            format!("the request makes no sense: {}", rejected.body_text()),
        )
    })?;
    let port: Option<HostPort> = match &wish.port {
        Some(text) => Some(text.parse().map_err(|error: crate::ports::NoHostPort| {
            problem(StatusCode::BAD_REQUEST, Code::InvalidArgument, error.to_string())
        })?),
        None => None,
    };
    if let Some((port, ip)) = port.and_then(|port| Some((port, given(&server.ports, port)?))) {
        let message = format!("port {port} listens at {ip}, which was given when it was published");
        let mut refused = problem(StatusCode::CONFLICT, Code::Conflict, message);
        refused.1.0 =
            refused.1.0.hint(format!("publish it without an address, such as -p {}:{}", port.number, port.number));
        return Err(refused);
    }
    let before = server.ports.sharing();
    let sharing = before.with(port, wish.on);
    server
        .ports
        .share(sharing.clone())
        .await
        .map_err(|refusal| problem(StatusCode::CONFLICT, Code::PortInUse, refusal.to_string()))?;
    if let Err(error) = settings::keep_sharing(&server.home, &sharing) {
        // What would be forgotten at the next start is not done at all.
        if let Err(refusal) = server.ports.share(before).await {
            tracing::warn!(%refusal, "a port is waited for");
        }
        return Err(problem(StatusCode::INTERNAL_SERVER_ERROR, Code::Io, error.to_string()));
    }
    Ok(Json(server.ports.list()))
}

/// The address of a port that has one of its own, unless it is also published without.
fn given(ports: &Ports, port: HostPort) -> Option<String> {
    let same = |row: &PublishedPort| row.host_port == port.number && row.protocol == port.transport.name();
    let rows: Vec<_> = ports.list().into_iter().filter(same).collect();
    rows.iter().map(|row| row.given_ip.clone()).collect::<Option<Vec<_>>>()?.into_iter().next()
}
