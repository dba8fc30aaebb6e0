//! Work that a client's departure must not cut in half.

use crate::error::{ApiError, Reply};
use http::StatusCode;
use std::future::Future;

/// Runs a change to its end even when the connection that asked for it is gone: a handler is dropped with its
/// connection, and a half-made container would stay behind.
///
/// # Errors
/// The change's own.
pub(crate) async fn run<T: Send + 'static>(
    change: impl Future<Output = berth_engine::Result<T>> + Send + 'static,
) -> Reply<T> {
    match tokio::spawn(change).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            tracing::error!("a request ended abnormally: {error}");
            Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the engine failed while it did this; see the engine's log",
            ))
        }
    }
}
