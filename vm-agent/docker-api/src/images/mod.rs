//! Images. Their names have slashes and a route's wildcard must stand last, so everything below `/images/` comes to
//! one place and is told apart by its ending.

mod check;
mod history;
mod import;
mod inspect;
mod layers;
pub(crate) mod list;
mod load;
mod message;
mod platform;
mod previous;
mod prune;
mod pull;
mod push;
mod remove;
mod save;
mod search;
mod tag;

pub(crate) use inspect::{healthcheck, set};

use crate::{error::Reply, front, query::Query, version::ApiVersion};
use axum::{
    Router,
    extract::{Path, Request, State},
    response::IntoResponse,
    routing::any,
};
use berth_engine::Engine;
use http::Method;

pub(crate) fn routes() -> Router<Engine> {
    Router::new().route("/images/{*rest}", any(dispatch))
}

async fn dispatch(
    State(engine): State<Engine>,
    Path(rest): Path<String>,
    version: ApiVersion,
    query: Query,
    request: Request,
) -> Reply {
    let named = |ending: &str| rest.strip_suffix(ending).filter(|name| !name.is_empty()).map(str::to_owned);
    let method = request.method().clone();
    match (&method, rest.as_str()) {
        (&Method::GET | &Method::HEAD, "json") => list::get(&engine, version, &query).await,
        (&Method::GET, "search") => search::get(&engine, &query, request.headers()).await,
        (&Method::POST, "create")
            if query.get("fromImage").is_none()
                && let Some(source) = query.get("fromSrc") =>
        {
            import::post(&engine, source, &query, request.into_body()).await
        }
        (&Method::POST, "create") => pull::post(&engine, &query, request.headers()).await,
        (&Method::POST, "check") => check::post(&engine).await,
        (&Method::GET, "get") => save::get(&engine, query.all("names").map(str::to_owned).collect(), &query).await,
        (&Method::POST, "load") => load::post(&engine, &query, request.into_body()).await,
        (&Method::POST, "prune") => prune::post(engine, &query).await,
        (&Method::DELETE, name) => remove::delete(engine, name.to_owned(), &query).await,
        (&Method::GET | &Method::HEAD, _) if let Some(name) = named("/history") => {
            history::get(&engine, &name, &query).await
        }
        (&Method::GET | &Method::HEAD, _) if let Some(name) = named("/json") => {
            inspect::get(&engine, &name, &query, version).await
        }
        (&Method::GET, _) if let Some(name) = named("/layers") => layers::get(&engine, &name).await,
        (&Method::GET, _) if let Some(name) = named("/previous") => previous::get(&engine, &name).await,
        (&Method::GET, _) if let Some(name) = named("/get") => save::get(&engine, vec![name], &query).await,
        (&Method::POST, _) if let Some(name) = named("/push") => {
            push::post(&engine, &name, &query, request.headers()).await
        }
        (&Method::POST, _) if let Some(name) = named("/tag") => tag::post(engine, name, &query).await,
        _ => Ok(front::not_found(method, request.uri().clone()).await.into_response()),
    }
}
