//! The Docker Engine API in front of the engine: routes, streams and texts. It translates and decides nothing.
//!
//! [`router`] is the whole surface. Names of fields and texts of errors are docker's; fields of requests that it does
//! not know are passed over, options that would change what the user gets and that the engine does not have are
//! refused by name.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod containers;
mod detached;
mod endpoint;
mod error;
mod exec;
mod filters;
mod front;
#[cfg(test)]
mod fuzz;
mod hijack;
mod images;
mod moment;
mod networks;
mod query;
mod registries;
mod system;
mod version;
mod volumes;
mod wire;

pub use version::{ApiVersion, CURRENT, OLDEST};

use axum::Router;
use berth_engine::Engine;

/// Every route of the API, with and without a version in front of its path.
///
/// Serve it over HTTP/1.1 with upgrades enabled: attaching to a container or an exec needs one.
pub fn router(engine: Engine) -> Router {
    let routes = Router::new()
        .merge(system::routes())
        .merge(images::routes())
        .merge(registries::routes())
        .merge(containers::routes())
        .merge(exec::routes())
        .merge(volumes::routes())
        .merge(networks::routes())
        .fallback(front::not_found)
        .method_not_allowed_fallback(front::method_not_allowed)
        .with_state(engine);
    front::wrap(routes)
}
