//! What is asked about registries and not about images that are here.

mod auth;
pub(crate) mod credentials;
mod distribution;

use axum::{
    Router,
    routing::{get, post},
};
use berth_engine::Engine;

pub(crate) fn routes() -> Router<Engine> {
    Router::new().route("/auth", post(auth::post)).route("/distribution/{*rest}", get(distribution::get))
}
