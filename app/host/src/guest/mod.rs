//! The guest as the host reaches it: streams to its ports, opened with the secret of this boot.

pub mod api;
pub mod clock;
pub mod control;
pub mod publish;
pub mod uplink;

use berth_machine::{
    Channel, ConnectError, Connector,
    handshake::{self, OpenError},
};
use berth_protocol::boot::Secret;
use std::{fmt::Display, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long the guest may take to listen on a port; who listens there is being restarted when it does not.
const LISTENING: Duration = Duration::from_secs(30);

/// One booted guest. Cheap to clone; it may outlive its machine, and then every stream is refused.
#[derive(Clone)]
pub struct Guest {
    connector: Arc<dyn Connector>,
    secret: Arc<Secret>,
}

impl Guest {
    /// The guest behind `connector`, booted with `secret`.
    #[must_use]
    pub fn new(connector: Arc<dyn Connector>, secret: Secret) -> Self {
        Self { connector, secret: Arc::new(secret) }
    }

    /// A stream to a port on which something listens.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(&self, port: u32, within: Duration) -> Result<Box<dyn Channel>, OpenError> {
        handshake::connect(&*self.connector, &self.secret, port, Instant::now() + within, false, &[]).await
    }

    /// As [`Guest::open`], with the first words for who listens there: they save a way there and back.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(&self, port: u32, first: &[u8], within: Duration) -> Result<Box<dyn Channel>, OpenError> {
        handshake::connect(&*self.connector, &self.secret, port, Instant::now() + within, false, first).await
    }

    /// A stream to a port on which something will listen soon, as during a boot.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_when_listening(&self, port: u32, within: Duration) -> Result<Box<dyn Channel>, OpenError> {
        handshake::connect(&*self.connector, &self.secret, port, Instant::now() + within, true, &[]).await
    }

    /// A stream to a port, tried for every `pause` until it opens; `None` when the machine is gone. `what` names it in the
    /// log.
    async fn open_again(&self, port: u32, what: &str, pause: Duration) -> Option<Box<dyn Channel>> {
        loop {
            match self.open_when_listening(port, LISTENING).await {
                Ok(channel) => return Some(channel),
                Err(OpenError::Connect(ConnectError::Gone)) => return None,
                Err(error) => tracing::warn!(%error, "{what} does not open"),
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Logs how a stream ended that is opened again.
fn ended(what: &str, how: Result<(), impl Display>) {
    match how {
        Ok(()) => tracing::info!("the guest closed {what}"),
        Err(error) => tracing::warn!(%error, "{what} broke"),
    }
}
