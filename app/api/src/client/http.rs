//! One HTTP exchange over the local socket, for what bollard has no words for.

use super::hearing::Hearing;
use crate::{
    error::{Error, chain},
    home::BerthHome,
    local,
    problem::Problem,
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http::{Method, Request, Response};
use http_body_util::{BodyDataStream, BodyExt, Empty, Full, StreamBody};
use hyper::{
    body::{Body, Frame, Incoming},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;

/// The largest answer that is read whole, bytes.
const MAX_BODY: usize = 64 << 20;
/// How long one look at a page may take.
const PAGE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Sends a request without a body and gives the answer's head; its body streams.
pub(crate) async fn send(home: &BerthHome, method: Method, path: &str) -> Result<Response<Incoming>, Error> {
    successful(exchange(home, Request::builder().method(method).uri(path), Empty::<Bytes>::new()).await?).await
}

/// Sends a body as it comes; an error in it breaks the request off. The answer may come before the body's end.
pub(crate) async fn upload(
    home: &BerthHome,
    method: Method,
    path: &str,
    body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
) -> Result<Response<Incoming>, Error> {
    let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, "application/x-tar");
    let body = BodyExt::boxed_unsync(StreamBody::new(body.map_ok(Frame::data)));
    successful(exchange(home, request, body).await?).await
}

async fn successful(response: Response<Incoming>) -> Result<Response<Incoming>, Error> {
    if response.status().is_success() { Ok(response) } else { Err(failure(response).await) }
}

/// The body of an answer, as it comes; [`Error::Broken`] when it ends too early.
pub(crate) fn pieces(response: Response<Incoming>) -> impl Stream<Item = Result<Bytes, Error>> + use<> {
    BodyDataStream::new(response.into_body()).map_err(|error| Error::Broken(chain(&error)))
}

/// A connection that has stopped being HTTP.
pub(crate) type Hijacked = TokioIo<Upgraded>;

/// Asks for something whose answer is the connection itself.
pub(crate) async fn hijack(home: &BerthHome, path: &str, body: Option<String>) -> Result<Hijacked, Error> {
    let upgrade = [("connection", "Upgrade"), ("upgrade", "tcp")];
    let response = post_text(home, path, body, &upgrade).await?;
    if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        return Err(failure(response).await);
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| Error::Broken(chain(&error)))?;
    Ok(TokioIo::new(upgraded))
}

/// Sends a JSON document and reads the JSON answer.
pub(crate) async fn post<B: serde::Serialize + Sync, T: serde::de::DeserializeOwned>(
    home: &BerthHome,
    path: &str,
    document: &B,
) -> Result<T, Error> {
    let bytes = post_document(home, path, document).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Broken(format!("{path} was answered with {error}")))
}

/// Sends a JSON document; the answer says nothing.
pub(crate) async fn post_for_nothing<B: serde::Serialize + Sync>(
    home: &BerthHome,
    path: &str,
    document: &B,
) -> Result<(), Error> {
    post_document(home, path, document).await.map(drop)
}

/// A POST without a body; the answer streams.
pub(crate) async fn post_empty(
    home: &BerthHome,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response<Incoming>, Error> {
    successful(post_text(home, path, None, headers).await?).await
}

async fn post_document<B: serde::Serialize + Sync>(home: &BerthHome, path: &str, document: &B) -> Result<Bytes, Error> {
    let text = serde_json::to_string(document).map_err(|error| Error::Invalid(error.to_string()))?;
    body(successful(post_text(home, path, Some(text), &[]).await?).await?).await
}

/// A POST; the answer whatever its status.
async fn post_text(
    home: &BerthHome,
    path: &str,
    body: Option<String>,
    headers: &[(&str, &str)],
) -> Result<Response<Incoming>, Error> {
    let mut request = Request::builder().method(Method::POST).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if body.is_some() {
        request = request.header(http::header::CONTENT_TYPE, "application/json");
    }
    exchange(home, request, Full::new(Bytes::from(body.unwrap_or_default()))).await
}

/// A request on a connection of its own; the answer whatever its status.
async fn exchange<B>(home: &BerthHome, request: http::request::Builder, body: B) -> Result<Response<Incoming>, Error>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let stream = Hearing::new(local::connect(home).await?);
    let broken = |error: hyper::Error| Error::Broken(chain(&error));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with the answer's body, whose reader meets its errors, or goes on as what the answer hands over.
    tokio::spawn(connection.with_upgrades());
    let request = request.header(http::header::HOST, "berth").body(body);
    let request = request.map_err(|error| Error::Invalid(error.to_string()))?;
    sender.send_request(request).await.map_err(broken)
}

/// A value as part of a query.
pub(crate) fn query_value(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The status of `GET /` on a port of this host's loopback.
///
/// # Errors
/// What connecting or reading said.
pub(crate) async fn probe_page(port: u16) -> Result<http::StatusCode, String> {
    let exchange = async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| chain(&error))?;
        tokio::spawn(connection);
        let request = Request::builder().uri("/").header(http::header::HOST, format!("localhost:{port}"));
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        Ok(sender.send_request(request).await.map_err(|error| chain(&error))?.status())
    };
    tokio::time::timeout(PAGE_TIMEOUT, exchange).await.map_err(|_| "no answer in time".to_owned())?
}

/// The whole body of an answer.
pub(crate) async fn body(response: Response<Incoming>) -> Result<Bytes, Error> {
    let limited = http_body_util::Limited::new(response.into_body(), MAX_BODY);
    limited.collect().await.map(http_body_util::Collected::to_bytes).map_err(|error| Error::Broken(chain(&*error)))
}

/// Sends a request and reads its JSON answer.
pub(crate) async fn json<T: serde::de::DeserializeOwned>(
    home: &BerthHome,
    method: Method,
    path: &str,
) -> Result<T, Error> {
    let bytes = body(send(home, method, path).await?).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Broken(format!("{path} was answered with {error}")))
}

/// [`json`] of a GET with more headers.
pub(crate) async fn get_with<T: serde::de::DeserializeOwned>(
    home: &BerthHome,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<T, Error> {
    let request =
        headers.iter().fold(Request::builder().uri(path), |request, (name, value)| request.header(*name, *value));
    let bytes = body(successful(exchange(home, request, Empty::<Bytes>::new()).await?).await?).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Broken(format!("the answer cannot be read: {error}")))
}

/// What a refusal says: a problem of berthd, a message of the engine, or its bare text.
async fn failure(response: Response<Incoming>) -> Error {
    let status = response.status().as_u16();
    let bytes = match body(response).await {
        Ok(bytes) => bytes,
        Err(error) => return error,
    };
    if let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) {
        return problem.into();
    }
    let message = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|value| value["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(&bytes).trim().to_owned());
    Error::Engine { status, message }
}
