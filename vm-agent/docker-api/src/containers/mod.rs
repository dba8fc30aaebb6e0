//! Containers.

mod archive;
pub(crate) mod attach;
mod commit;
mod create;
mod inspect;
mod lifecycle;
pub(crate) mod list;
pub(crate) mod logs;
mod mount_point;
mod network;
mod prune;
mod remove;
mod stats;
mod top;
mod update;
mod wait;

pub(crate) use create::Words;

use axum::{
    Router,
    routing::{get, post},
};
use berth_engine::Engine;

pub(crate) fn routes() -> Router<Engine> {
    Router::new()
        .route("/containers/json", get(list::get))
        .route("/containers/create", post(create::post))
        .route("/containers/prune", post(prune::post))
        .route("/containers/{name}", axum::routing::delete(remove::delete))
        .route("/containers/{name}/json", get(inspect::get))
        .route("/containers/{name}/start", post(lifecycle::start))
        .route("/containers/{name}/stop", post(lifecycle::stop))
        .route("/containers/{name}/restart", post(lifecycle::restart))
        .route("/containers/{name}/kill", post(lifecycle::kill))
        .route("/containers/{name}/pause", post(lifecycle::pause))
        .route("/containers/{name}/unpause", post(lifecycle::unpause))
        .route("/containers/{name}/update", post(update::post))
        .route("/containers/{name}/rename", post(lifecycle::rename))
        .route("/containers/{name}/wait", post(wait::post))
        .route("/containers/{name}/stats", get(stats::get))
        .route("/containers/{name}/top", get(top::get))
        .route("/containers/{name}/logs", get(logs::get))
        .route("/containers/{name}/archive", get(archive::get).head(archive::head).put(archive::put))
        .route("/containers/{name}/export", get(archive::export))
        .route("/containers/{name}/changes", get(archive::changes))
        .route("/commit", post(commit::post))
        .route("/containers/{name}/attach", post(attach::post))
        .route("/containers/{name}/resize", post(attach::resize))
        .route("/containers/{name}/exec", post(crate::exec::create))
}
