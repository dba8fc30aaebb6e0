//! The guest as the host reaches it: streams to its ports, opened with the secret of this boot.

pub mod api;
pub mod clock;
pub mod control;
pub mod publish;
pub mod uplink;

use berth_machine::{
    Channel, Connector,
    handshake::{self, OpenError},
};
use berth_protocol::boot::Secret;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

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
        handshake::connect(&*self.connector, &self.secret, port, Instant::now() + within, false).await
    }

    /// A stream to a port on which something will listen soon, as during a boot.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_when_listening(&self, port: u32, within: Duration) -> Result<Box<dyn Channel>, OpenError> {
        handshake::connect(&*self.connector, &self.secret, port, Instant::now() + within, true).await
    }
}
