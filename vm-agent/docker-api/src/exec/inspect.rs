//! `GET /exec/{id}/json`.

use crate::{error::Reply, wire::json};
use axum::extract::{Path, State};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use berth_engine::{Engine, attach::DetachKeys, exec::ExecDetails};
use serde::Serialize;

pub(super) async fn get(State(engine): State<Engine>, Path(id): Path<String>) -> Reply {
    Ok(json::ok(&Details::from(engine.inspect_exec(&id)?)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Details {
    #[serde(rename = "ID")]
    id: String,
    running: bool,
    exit_code: Option<i64>,
    process_config: ProcessConfig,
    open_stdin: bool,
    open_stderr: bool,
    open_stdout: bool,
    can_remove: bool,
    #[serde(rename = "ContainerID")]
    container_id: String,
    /// Bytes, which Go writes in base64.
    detach_keys: String,
    pid: i32,
}

#[derive(Serialize)]
struct ProcessConfig {
    tty: bool,
    entrypoint: String,
    arguments: Vec<String>,
    privileged: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
}

impl From<ExecDetails> for Details {
    fn from(exec: ExecDetails) -> Self {
        let mut words = exec.config.cmd.into_iter();
        let keys = exec.config.detach_keys.as_deref().and_then(|text| DetachKeys::parse(text).ok());
        Self {
            id: exec.id,
            running: exec.running,
            exit_code: exec.exit_code,
            process_config: ProcessConfig {
                tty: exec.config.tty,
                entrypoint: words.next().unwrap_or_default(),
                arguments: words.collect(),
                privileged: exec.config.privileged,
                user: exec.config.user,
            },
            open_stdin: exec.config.attach_stdin,
            open_stderr: exec.config.attach_stderr,
            open_stdout: exec.config.attach_stdout,
            can_remove: false,
            container_id: exec.container_id,
            detach_keys: keys.map(|keys| BASE64_STANDARD.encode(keys.as_bytes())).unwrap_or_default(),
            pid: exec.pid,
        }
    }
}
