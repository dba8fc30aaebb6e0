//! JSON documents in requests and answers.

use crate::error::{ApiError, Reply};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};

/// The largest JSON document taken, bytes. Archives are not documents and have no limit.
pub(crate) const MAX_DOCUMENT: usize = 4 << 20;

/// A JSON document in a request; `None` when there was no body at all.
pub(crate) struct Document<T>(pub(crate) Option<T>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Document<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Reply<Self> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, MAX_DOCUMENT).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                too_large()
            } else {
                ApiError::bad_request(format!("the request body could not be read: {error}"))
            }
        })?;
        let bytes = body.to_bytes();
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        check_type(&parts.headers)?;
        read(&bytes).map(Self)
    }
}

/// The answer to a body over [`MAX_DOCUMENT`].
pub(crate) fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the request body is too large: at most {MAX_DOCUMENT} bytes are taken"),
    )
}

/// An answer with a JSON document, with the line end that docker writes too.
pub(crate) fn reply<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            (status, [(header::CONTENT_TYPE, "application/json")], Body::from(bytes)).into_response()
        }
        Err(error) => {
            tracing::error!("an answer could not be written as JSON: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// [`reply`] with status 200.
pub(crate) fn ok<T: Serialize>(value: &T) -> Response {
    reply(StatusCode::OK, value)
}

fn check_type(headers: &HeaderMap) -> Reply<()> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::bad_request(if kind.is_empty() {
        "malformed Content-Type header (): must be 'application/json'".to_owned()
    } else {
        format!("unsupported Content-Type header ({text}): must be 'application/json'")
    }))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Reply<Option<T>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        ApiError::bad_request(match inner.classify() {
            serde_json::error::Category::Data if path != "." => format!("invalid JSON: {path}: {inner}"),
            _ => format!("invalid JSON: {inner}"),
        })
    })?;
    reader.end().map_err(|_| ApiError::bad_request("unexpected content after JSON"))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Outer {
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        memory: Option<i64>,
    }

    async fn take(kind: Option<&str>, body: impl Into<Body>) -> Result<Option<Outer>, String> {
        let mut request = Request::builder();
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.body(body.into()).unwrap();
        Document::from_request(request, &())
            .await
            .map(|document| document.0)
            .map_err(|error| error.message().to_owned())
    }

    #[tokio::test]
    async fn a_document_is_read_and_unknown_fields_are_no_error() {
        let outer =
            take(Some("application/json; charset=utf-8"), r#"{"Inner":{"Memory":7,"New":[1]},"X":null} "#).await;
        assert_eq!(outer, Ok(Some(Outer { inner: Some(Inner { memory: Some(7) }) })));
        assert_eq!(take(None, "").await, Ok(None));
        assert_eq!(take(Some("application/json"), "null").await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_in_one_sentence() {
        for (kind, body, message) in [
            (Some("text/plain"), "{}", "unsupported Content-Type header (text/plain): must be 'application/json'"),
            (None, "{}", "malformed Content-Type header (): must be 'application/json'"),
            (Some("application/json"), "{} {}", "unexpected content after JSON"),
            (Some("application/json"), "{", "invalid JSON: EOF while parsing an object at line 1 column 1"),
            (
                Some("application/json"),
                r#"{"Inner":{"Memory":"much"}}"#,
                "invalid JSON: Inner.Memory: invalid type: string \"much\", expected i64 at line 1 column 25",
            ),
        ] {
            assert_eq!(take(kind, body).await.unwrap_err(), message);
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_even_when_its_length_was_not_told() {
        let chunk = bytes::Bytes::from(vec![b' '; 1 << 20]);
        let chunks = futures_util::stream::iter((0..5).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
        let said = take(Some("application/json"), Body::from_stream(chunks)).await.unwrap_err();
        assert_eq!(said, "the request body is too large: at most 4194304 bytes are taken");
    }
}
