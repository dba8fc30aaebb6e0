//! Executing in containers: `POST /containers/{name}/exec` and everything below `/exec/{id}`.

mod inspect;
#[cfg(test)]
mod tests;

use crate::{
    containers::{Words, attach::size},
    detached,
    error::Reply,
    hijack::{self, Connection},
    query::Query,
    version::ApiVersion,
    wire::{
        json::{self, Document},
        output_type,
    },
};
use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    response::IntoResponse,
    routing::{get, post},
};
use berth_engine::{
    Engine,
    exec::{ExecConfig, ExecStart, ExecStarted},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

pub(crate) fn routes() -> Router<Engine> {
    Router::new()
        .route("/exec/{id}/start", post(start))
        .route("/exec/{id}/json", get(inspect::get))
        .route("/exec/{id}/resize", post(resize))
}

/// Docker's `ExecConfig`. Every field may be absent or null.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Asked {
    attach_stdin: Option<bool>,
    attach_stdout: Option<bool>,
    attach_stderr: Option<bool>,
    detach_keys: Option<String>,
    tty: Option<bool>,
    env: Option<Vec<String>>,
    cmd: Option<Words>,
    privileged: Option<bool>,
    user: Option<String>,
    working_dir: Option<String>,
    console_size: Option<[u16; 2]>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct StartAsked {
    detach: Option<bool>,
    console_size: Option<[u16; 2]>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    Document(asked): Document<Asked>,
) -> Reply {
    let asked = asked.unwrap_or_default();
    let config = ExecConfig {
        cmd: asked.cmd.map(Vec::from).unwrap_or_default(),
        env: asked.env.unwrap_or_default(),
        user: asked.user.unwrap_or_default(),
        working_dir: asked.working_dir.unwrap_or_default(),
        privileged: asked.privileged.unwrap_or_default(),
        tty: asked.tty.unwrap_or_default(),
        attach_stdin: asked.attach_stdin.unwrap_or_default(),
        attach_stdout: asked.attach_stdout.unwrap_or_default(),
        attach_stderr: asked.attach_stderr.unwrap_or_default(),
        detach_keys: asked.detach_keys,
        console_size: console_size(asked.console_size, version),
    };
    let id = engine.create_exec(&name, config).await?;
    Ok(json::reply(StatusCode::CREATED, &Created { id }))
}

async fn start(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    version: ApiVersion,
    mut request: Request,
) -> Reply {
    let connection = Connection::take(&mut request);
    let Document(asked) = Document::<StartAsked>::from_request(request, &()).await?;
    let asked = asked.unwrap_or_default();
    engine.check_exec(&id)?;
    let start =
        ExecStart { detach: asked.detach.unwrap_or_default(), console_size: console_size(asked.console_size, version) };
    let tty = engine.inspect_exec(&id)?.config.tty;
    let Some(connection) = connection.filter(|_| !start.detach) else {
        return Ok(match detached::run(async move { engine.start_exec(&id, start).await }).await? {
            ExecStarted::Detached => StatusCode::OK.into_response(),
            ExecStarted::Attached(attachment) => hijack::body(attachment),
        });
    };
    // As docker: whatever goes wrong from here on is output, and the exit code is asked for afterwards.
    Ok(connection.hand_over(output_type(version, tty), tty, async move {
        match engine.start_exec(&id, start).await {
            Ok(ExecStarted::Attached(attachment)) => Ok(attachment),
            Ok(ExecStarted::Detached) => Err("the command was started without its output".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }))
}

async fn resize(State(engine): State<Engine>, Path(id): Path<String>, query: Query) -> Reply {
    let (rows, columns) = size(&query)?;
    engine.resize_exec(&id, rows, columns).await?;
    Ok(StatusCode::OK.into_response())
}

/// Height and width, which clients before API 1.42 filled with other things.
fn console_size(asked: Option<[u16; 2]>, version: ApiVersion) -> Option<(u16, u16)> {
    asked.filter(|size| version.at_least(42) && *size != [0, 0]).map(|[rows, columns]| (rows, columns))
}
