//! The engine as a whole.

mod build_prune;
mod disk_usage;
mod events;
mod info;
mod ping;
mod version;

pub(crate) use info::RUNTIME;

use axum::{
    Router,
    routing::{get, post},
};
use berth_engine::Engine;

pub(crate) fn routes() -> Router<Engine> {
    Router::new()
        .route("/_ping", get(ping::get).head(ping::head))
        .route("/version", get(version::get))
        .route("/info", get(info::get))
        .route("/events", get(events::get))
        .route("/system/df", get(disk_usage::get))
        .route("/build/prune", post(build_prune::post))
}
