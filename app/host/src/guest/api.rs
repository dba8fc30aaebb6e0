//! The two questions berthd itself puts to the engine: is it there, and which one is it.

use super::Guest;
use berth_machine::handshake::OpenError;
use berth_protocol::port;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::time::Duration;

/// The largest answer that is read, bytes.
const MAX_BODY: usize = 1 << 20;

/// Why the engine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No stream.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The exchange broke.
    #[error("the engine did not answer GET {path}: {why}")]
    Broken {
        /// The path.
        path: &'static str,
        /// Why.
        why: String,
    },
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: String,
}

impl Guest {
    /// Waits until the engine listens and answers a ping: the machine is ready.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn ping(&self, within: Duration) -> Result<(), ApiError> {
        get(self.open_when_listening(port::API, within).await?, "/_ping").await.map(drop)
    }

    /// The engine's version.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn engine_version(&self, within: Duration) -> Result<String, ApiError> {
        let path = "/version";
        let body = get(self.open(port::API, within).await?, path).await?;
        let version = serde_json::from_slice::<Version>(&body);
        Ok(version.map_err(|error| ApiError::Broken { path, why: error.to_string() })?.version)
    }
}

async fn get(channel: Box<dyn berth_machine::Channel>, path: &'static str) -> Result<Bytes, ApiError> {
    let broken = |why: String| ApiError::Broken { path, why };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(channel))
        .await
        .map_err(|error| broken(error.to_string()))?;
    // It ends with the answer; what breaks it breaks the answer too.
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "berth").body(Empty::<Bytes>::new());
    let request = request.map_err(|error| broken(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| broken(error.to_string()))?;
    if !response.status().is_success() {
        return Err(broken(format!("it said {}", response.status())));
    }
    let body =
        Limited::new(response.into_body(), MAX_BODY).collect().await.map_err(|error| broken(error.to_string()))?;
    Ok(body.to_bytes())
}
