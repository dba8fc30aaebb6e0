//! `POST /containers/create`: docker's request becomes the engine's.

mod config;
mod host;
mod mounts;
mod network;
mod resources;
mod unsupported;

pub(super) use config::{ConfigIn, read as read_config};
pub(super) use host::HostIn;
pub(super) use resources::read_update;

use crate::{
    detached,
    error::{ApiError, Reply},
    query::Query,
    version::ApiVersion,
    wire::json::{self, Document},
};
use axum::extract::State;
use berth_engine::{Engine, container::CreateContainer};
pub(crate) use config::Words;
use http::StatusCode;
use serde::{Deserialize, Serialize};

pub(super) async fn post(
    State(engine): State<Engine>,
    version: ApiVersion,
    query: Query,
    Document(asked): Document<Asked>,
) -> Reply {
    let asked = asked.ok_or_else(|| ApiError::bad_request("config cannot be empty in order to create a container"))?;
    let (request, mut warnings) = request(asked, &query, version)?;
    let created = detached::run(async move { engine.create_container(request).await }).await?;
    warnings.extend(created.warnings);
    Ok(json::reply(StatusCode::CREATED, &Answer { id: created.id, warnings }))
}

fn request(asked: Asked, query: &Query, version: ApiVersion) -> Reply<(CreateContainer, Vec<String>)> {
    let host = asked.host_config.unwrap_or_default();
    let warnings = unsupported::check(&host)?;
    let network_mode = network::mode(&host, asked.network_disabled.unwrap_or(false));
    let networks = network::endpoints(asked.networking_config, &network_mode, asked.mac_address)?;
    let request = CreateContainer {
        name: query.get("name").map(str::to_owned),
        platform: query.get("platform").filter(|_| version.at_least(41)).map(str::to_owned),
        host: host::read(host, network_mode)?,
        config: config::read(asked.config)?,
        networks,
    };
    Ok((request, warnings))
}

/// The body. Every field may be absent or null; Go's clients write both for "not set".
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    #[serde(flatten)]
    config: config::ConfigIn,
    host_config: Option<host::HostIn>,
    networking_config: Option<network::NetworkingIn>,
    network_disabled: Option<bool>,
    mac_address: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
    warnings: Vec<String>,
}

/// Text that says the option is known and the engine has no such thing yet.
fn not_supported(option: &str) -> ApiError {
    ApiError::bad_request(format!("{option} is not supported by Berth yet: leave it out"))
}

#[cfg(test)]
mod tests;
