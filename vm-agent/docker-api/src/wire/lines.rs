//! Streams of JSON documents, each sent as soon as it is there.

use crate::error::ApiError;
use axum::{body::Body, response::IntoResponse, response::Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header;
use serde::Serialize;
use std::convert::Infallible;

/// One document and its line end.
pub(crate) fn line<T: Serialize>(value: &T) -> Bytes {
    let mut bytes = serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!("a line could not be written as JSON: {error}");
        Vec::new()
    });
    bytes.extend_from_slice(b"\r\n");
    bytes.into()
}

/// A line that ends a stream of progress: what went wrong, twice, since old clients read the first and new ones the
/// second.
pub(crate) fn error_line(error: &ApiError) -> Bytes {
    let message = error.message();
    line(&ErrorLine { error: message, error_detail: ErrorDetail { message } })
}

/// An answer whose body is these pieces, each flushed by itself.
pub(crate) fn reply(kind: &'static str, pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces.map(Ok::<_, Infallible>))).into_response()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLine<'a> {
    error_detail: ErrorDetail<'a>,
    error: &'a str,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    message: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_line_is_dockers() {
        let line = error_line(&ApiError::bad_request("no such host"));
        assert_eq!(&line[..], b"{\"errorDetail\":{\"message\":\"no such host\"},\"error\":\"no such host\"}\r\n");
    }
}
