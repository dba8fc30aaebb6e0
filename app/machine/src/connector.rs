//! Byte streams to the guest.

use crate::Failure;
use async_trait::async_trait;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

/// A byte stream to one port of the guest.
///
/// `shutdown` ends the writing side only: the guest reads to the end and may still answer. Dropping ends both; bytes
/// written before are still delivered.
pub trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Channel for T {}

impl std::fmt::Debug for dyn Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Channel")
    }
}

/// Opens connections to the guest, and never the other way round.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Connects to `port`. A guest that is still booting is waited for: the connection is queued until it answers.
    ///
    /// # Errors
    /// [`ConnectError`]; a guest that is up and has no listener there refuses at once.
    async fn connect(&self, port: u32, deadline: Instant) -> Result<Box<dyn Channel>, ConnectError>;
}

/// Why a connection did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The guest is up and nothing in it listens there.
    #[error("nothing in the guest listens on vsock port {port}")]
    Refused {
        /// The vsock port.
        port: u32,
    },
    /// The guest did not answer in time.
    #[error("the guest did not answer on vsock port {port} in time")]
    TimedOut {
        /// The vsock port.
        port: u32,
    },
    /// The machine has ended.
    #[error("the machine has ended")]
    Gone,
}

impl ConnectError {
    /// As the failure of what was being done.
    #[must_use]
    pub fn during(&self, what: &str) -> Failure {
        let todo = match self {
            Self::Gone => "start the machine again with: berth up",
            Self::Refused { .. } | Self::TimedOut { .. } => "look at the guest's console with: berth logs",
        };
        Failure::new(what, self, todo)
    }
}

/// Between two tries of [`connect_when_listening`].
const RETRY: Duration = Duration::from_millis(20);

/// Connects to a port whose listener may not be there yet: a refusal is tried again until the deadline.
///
/// # Errors
/// The last [`ConnectError`].
pub async fn connect_when_listening(
    connector: &dyn Connector,
    port: u32,
    deadline: Instant,
) -> Result<Box<dyn Channel>, ConnectError> {
    loop {
        match connector.connect(port, deadline).await {
            Err(ConnectError::Refused { .. }) if Instant::now() + RETRY < deadline => {
                sleep_until(Instant::now() + RETRY).await;
            }
            other => return other,
        }
    }
}
