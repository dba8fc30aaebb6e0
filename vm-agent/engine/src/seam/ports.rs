//! Publishing ports on the host.

use async_trait::async_trait;
use berth_protocol::publish::Publication;
use std::net::SocketAddr;

/// Why ports were not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The host refused, in docker's words.
    #[error("{0}")]
    Refused(String),
    /// No host listens to the engine.
    #[error("no host is connected to publish ports; is berthd running? Start it with: berth up")]
    NoHost,
    /// The host did not answer in time.
    #[error("the host did not answer within {0} seconds when asked to publish ports")]
    TimedOut(u64),
}

/// Publishes ports on the host.
#[async_trait]
pub trait PortPublisher: Send + Sync {
    /// Asks the host to listen for these, all or none; for each, in order, where it listens.
    ///
    /// # Errors
    /// Nothing is published then.
    async fn publish(&self, publications: Vec<Publication>) -> Result<Vec<Vec<SocketAddr>>, PublishError>;

    /// Ends every publication of a container. Without a host there is nothing to end; the next one is told the truth.
    async fn withdraw(&self, container: &str);

    /// Takes up what was published before the engine started, to be asked for when a host connects.
    fn adopt(&self, publications: Vec<Publication>);
}
