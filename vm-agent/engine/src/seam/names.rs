//! The name servers of containers.

use async_trait::async_trait;
use berth_network::{
    Error,
    dns::{Look, Resolvers},
};
use std::{net::SocketAddr, path::PathBuf};

/// Runs a name server in the network namespaces of containers. The real one is [`Resolvers`].
#[async_trait]
pub trait NameServers: Send + Sync {
    /// Opens the one of a container, whose namespace is there; one that it has already is replaced.
    ///
    /// # Errors
    /// The backend's.
    async fn open(
        &self,
        container: &str,
        namespace: PathBuf,
        names: Look,
        outside: Vec<SocketAddr>,
    ) -> Result<(), Error>;

    /// Closes the one of a container, if it has one.
    fn close(&self, container: &str);
}

#[async_trait]
impl NameServers for Resolvers {
    async fn open(
        &self,
        container: &str,
        namespace: PathBuf,
        names: Look,
        outside: Vec<SocketAddr>,
    ) -> Result<(), Error> {
        Self::open(self, container, namespace, names, outside).await
    }

    fn close(&self, container: &str) {
        Self::close(self, container);
    }
}
