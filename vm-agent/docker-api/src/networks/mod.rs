//! `/networks`.

mod create;
mod show;

use crate::{
    detached,
    endpoint::{self, EndpointIn},
    error::{ApiError, Reply},
    moment,
    query::Query,
    version::ApiVersion,
    wire::json::{self, Document},
};
use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    response::IntoResponse,
    routing::{get, post},
};
use berth_engine::{
    Engine,
    network::{CreateNetwork, NetworkFilters, NetworkPruneFilters},
};
use create::NetworkIn;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use show::NetworkOut;

pub(crate) fn routes() -> Router<Engine> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/{name}", get(inspect).delete(remove).post(act))
        .route("/networks/{name}/connect", post(connect))
        .route("/networks/{name}/disconnect", post(disconnect))
}

async fn list(State(engine): State<Engine>, version: ApiVersion, query: Query) -> Reply {
    let filters = query.filters(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    let kinds = filters.values("type");
    if let Some(unknown) = kinds.iter().find(|kind| !matches!(kind.as_str(), "builtin" | "custom")) {
        return Err(ApiError::bad_request(format!("invalid filter: 'type'='{unknown}'")));
    }
    let filters = NetworkFilters {
        id: filters.values("id"),
        name: filters.values("name"),
        driver: filters.values("driver"),
        label: filters.values("label"),
        kind: kinds,
        scope: filters.values("scope"),
        dangling: filters.yes("dangling")?,
    };
    let shown = |network| NetworkOut::in_list(network, version);
    Ok(json::ok(&engine.list_networks(filters).await?.into_iter().map(shown).collect::<Vec<_>>()))
}

async fn inspect(State(engine): State<Engine>, Path(name): Path<String>, version: ApiVersion, query: Query) -> Reply {
    let network = engine.inspect_network(&name).await?;
    if query.get("scope").is_some_and(|scope| scope != "local") {
        return Err(ApiError::new(StatusCode::NOT_FOUND, format!("network {name} not found")));
    }
    Ok(json::ok(&NetworkOut::new(network, version)))
}

async fn remove(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    detached::run(async move { engine.remove_network(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /networks/create` and `/networks/prune`. They are no routes of their own, so that a network may have one of
/// these names.
async fn act(State(engine): State<Engine>, Path(action): Path<String>, query: Query, request: Request) -> Reply {
    match action.as_str() {
        "create" => create(engine, Document::from_request(request, &()).await?).await,
        "prune" => prune(engine, &query).await,
        _ => Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed: POST /networks/{action}"))),
    }
}

async fn create(engine: Engine, Document(asked): Document<NetworkIn>) -> Reply {
    let asked = CreateNetwork::from(asked.unwrap_or_default());
    let id = detached::run(async move { engine.create_network(asked).await }).await?;
    Ok(json::reply(StatusCode::CREATED, &Created { id, warning: "" }))
}

async fn prune(engine: Engine, query: &Query) -> Reply {
    let filters = query.filters(&["label", "label!", "until"])?;
    let filters = NetworkPruneFilters {
        until: moment::until_filter(&filters, moment::now())?,
        label: filters.values("label"),
        label_not: filters.values("label!"),
    };
    let removed = detached::run(async move { engine.prune_networks(filters).await }).await?;
    Ok(json::ok(&Pruned { networks_deleted: (!removed.is_empty()).then_some(removed) }))
}

async fn connect(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    Document(asked): Document<ConnectIn>,
) -> Reply {
    let ConnectIn { container, endpoint_config, .. } = asked.unwrap_or_default();
    let settings = endpoint::read(endpoint_config.unwrap_or_default())?;
    detached::run(async move { engine.connect_network(&name, &container, settings).await }).await?;
    Ok(StatusCode::OK.into_response())
}

/// `Force` is for networks that more than one engine has: here a container is taken off in any case.
async fn disconnect(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    Document(asked): Document<ConnectIn>,
) -> Reply {
    let container = asked.unwrap_or_default().container;
    detached::run(async move { engine.disconnect_network(&name, &container).await }).await?;
    Ok(StatusCode::OK.into_response())
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ConnectIn {
    container: String,
    endpoint_config: Option<EndpointIn>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
    warning: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pruned {
    networks_deleted: Option<Vec<String>>,
}

#[cfg(test)]
mod tests;
