//! `/_ping`: is anyone there, and what do they speak. Clients ask it first and negotiate by its headers.

use axum::response::{IntoResponse, Response};
use http::header;

pub(super) async fn get() -> Response {
    (headers(), "OK").into_response()
}

pub(super) async fn head() -> Response {
    (headers(), ()).into_response()
}

fn headers() -> impl axum::response::IntoResponseParts {
    [
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::HeaderName::from_static("swarm"), "inactive"),
    ]
}
