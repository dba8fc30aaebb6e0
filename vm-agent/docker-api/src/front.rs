//! What happens to every request before its route: the version is taken off its path, a body that is too large is
//! refused; and to every answer: the headers that clients look for.

use crate::{
    error::ApiError,
    version::{ApiVersion, CURRENT, Refused},
    wire::json,
};
use axum::{
    Router,
    extract::{FromRequestParts, Request},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts, uri::PathAndQuery};
use std::convert::Infallible;

/// Puts the front before the routes.
pub(crate) fn wrap(routes: Router) -> Router {
    // A layer runs after its router has matched a path; an outer router without paths lets it change the path first.
    Router::new().fallback_service(routes).layer(from_fn(pass))
}

/// The answer on a path that has no route.
pub(crate) async fn not_found(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("page not found: Berth does not serve {method} {}", uri.path()))
}

/// The answer on a route that has other methods.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed: {method} {}", uri.path()))
}

async fn pass(request: Request, next: Next) -> Response {
    let mut response = match admit(request) {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    };
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(concat!("Berth/", env!("CARGO_PKG_VERSION"), " (linux)")));
    headers.insert("api-version", HeaderValue::from_str(&CURRENT.to_string()).expect("digits and a dot"));
    headers.insert("docker-experimental", HeaderValue::from_static("false"));
    headers.insert("ostype", HeaderValue::from_static("linux"));
    response
}

#[expect(clippy::result_large_err, reason = "both sides are whole messages and moved once")]
fn admit(mut request: Request) -> Result<Request, Response> {
    let mut version = CURRENT;
    if let Some((text, path)) = versioned(request.uri().path()) {
        version = ApiVersion::negotiate(text).map_err(|refused| refusal(&refused))?;
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request.extensions_mut().insert(version);
    if !takes_archive(&request) && told_length(&request).is_some_and(|length| length > json::MAX_DOCUMENT) {
        return Err(json::too_large().into_response());
    }
    Ok(request)
}

/// `/v1.51/info` is `("1.51", "/info")`.
fn versioned(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/v")?;
    let (version, _) = rest.split_once('/')?;
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.then(|| (version, &rest[version.len()..]))
}

fn refusal(refused: &Refused) -> Response {
    match refused {
        // Clients this old print the body as it is.
        Refused::TooOld(_) => (StatusCode::BAD_REQUEST, format!("{refused}\n")).into_response(),
        Refused::TooNew(_) => ApiError::bad_request(refused.to_string()).into_response(),
    }
}

fn takes_archive(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::POST => matches!(path, "/images/load" | "/images/create"),
        Method::PUT => path.starts_with("/containers/") && path.ends_with("/archive"),
        _ => false,
    }
}

/// `None` when the length is not told; a length that is no number counts as endless.
fn told_length(request: &Request) -> Option<usize> {
    let text = request.headers().get(header::CONTENT_LENGTH)?;
    Some(text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX))
}

impl<S: Sync> FromRequestParts<S> for ApiVersion {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(CURRENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, routing::get};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn ask(request: http::request::Builder) -> (StatusCode, String, http::HeaderMap) {
        let echo = |version: ApiVersion, uri: Uri| async move { format!("{version} {uri}") };
        let routes = Router::new()
            .route("/info", get(echo).post(echo))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed);
        let response = wrap(routes).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, String::from_utf8(body.to_vec()).unwrap(), parts.headers)
    }

    #[tokio::test]
    async fn a_version_in_the_path_is_optional_and_reaches_the_handler() {
        let (_, body, headers) = ask(Request::get("/v1.40/info?a=b%20c")).await;
        assert_eq!(body, "1.40 /info?a=b%20c");
        assert_eq!(headers["api-version"], "1.53");
        assert_eq!(headers["ostype"], "linux");
        assert_eq!(headers["docker-experimental"], "false");
        assert!(headers["server"].to_str().unwrap().starts_with("Berth/"));
        assert_eq!(ask(Request::get("/info")).await.1, "1.53 /info");
    }

    #[tokio::test]
    async fn other_versions_are_refused_in_dockers_words() {
        let (status, body, headers) = ask(Request::get("/v1.99/info")).await;
        assert_eq!(status, 400);
        assert_eq!(body, "{\"message\":\"client version 1.99 is too new. Maximum supported API version is 1.53\"}\n");
        assert_eq!(headers["api-version"], "1.53");
        let (status, body, _) = ask(Request::get("/v1.12/info")).await;
        assert_eq!(status, 400);
        assert!(body.starts_with("client version 1.12 is too old. Minimum supported API version is 1.24"));
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_are_named() {
        let (status, body, _) = ask(Request::get("/v1.51/nope")).await;
        assert_eq!(
            (status.as_u16(), body.as_str()),
            (404, "{\"message\":\"page not found: Berth does not serve GET /nope\"}\n")
        );
        assert_eq!(ask(Request::get("/vx/info")).await.0, 404);
        assert_eq!(ask(Request::get("/v1.51")).await.0, 404);
        let (status, body, _) = ask(Request::delete("/info")).await;
        assert_eq!((status.as_u16(), body.as_str()), (405, "{\"message\":\"method not allowed: DELETE /info\"}\n"));
    }

    #[tokio::test]
    async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_read() {
        let (status, body, _) = ask(Request::post("/v1.51/info").header("content-length", "4194305")).await;
        assert_eq!(status, 413);
        assert!(body.contains("the request body is too large"));
        assert_eq!(ask(Request::post("/info").header("content-length", "99999999999999999999999")).await.0, 413);
        assert_eq!(ask(Request::post("/info").header("content-length", "4194304")).await.0, 200);
    }
}
