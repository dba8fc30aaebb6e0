//! `POST /auth`: whether a registry takes someone's credentials.

use super::credentials::Credentials;
use crate::{
    error::{ApiError, Reply},
    wire::json::{self, Document},
};
use axum::extract::State;
use berth_engine::Engine;
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    status: &'static str,
    /// Stands for the password from now on; empty where the registry has no such.
    identity_token: String,
}

pub(super) async fn post(State(engine): State<Engine>, Document(document): Document<Value>) -> Reply {
    // What cannot be read is not repeated: it may be the password.
    let bad = |_| {
        ApiError::bad_request("invalid JSON: these are no credentials: username, password and serveraddress are texts")
    };
    let credentials: Credentials = serde_json::from_value(document.unwrap_or_default()).map_err(bad)?;
    let server = credentials.serveraddress.clone().unwrap_or_default();
    let identity_token = engine.log_in(&server, credentials.into()).await?;
    Ok(json::ok(&Answer { status: "Login Succeeded", identity_token }))
}
