//! The network a container is put on.

use async_trait::async_trait;
use berth_network::{BridgeNetwork, Endpoint, Error, Origin};
use std::{collections::BTreeSet, net::Ipv4Addr, path::PathBuf};

/// A container's place on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedNetwork {
    /// The file that names its namespace.
    pub namespace: PathBuf,
    /// Its address and so on.
    pub endpoint: Endpoint,
}

/// What the default bridge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeInfo {
    /// Interface name.
    pub interface: String,
    /// The subnet's own address.
    pub subnet: Ipv4Addr,
    /// Bits of the prefix.
    pub prefix: u8,
    /// The bridge's own address.
    pub gateway: Ipv4Addr,
}

/// Puts containers on the default bridge. The real one is [`BridgeNetwork`].
#[async_trait]
pub trait NetworkBackend: Send + Sync {
    /// What the default bridge is.
    fn bridge(&self) -> BridgeInfo;

    /// The file that names a container's namespace.
    fn namespace(&self, container: &str) -> PathBuf;

    /// Puts the container's namespace on the bridge. On failure nothing is left.
    ///
    /// # Errors
    /// The backend's.
    async fn attach(&self, container: &str, origin: Origin) -> Result<AttachedNetwork, Error>;

    /// Leaves the container's namespace with loopback only.
    ///
    /// # Errors
    /// The backend's.
    async fn isolate(&self, container: &str, origin: Origin) -> Result<PathBuf, Error>;

    /// Takes a container off; what is gone is no error.
    ///
    /// # Errors
    /// The backend's.
    async fn detach(&self, container: &str, address: Option<Ipv4Addr>) -> Result<(), Error>;

    /// Takes an address that a container has since before the engine started.
    ///
    /// # Errors
    /// When another has it.
    fn claim(&self, address: Ipv4Addr) -> Result<(), Error>;

    /// Removes what belongs to none of these containers.
    ///
    /// # Errors
    /// The first one; the rest is tried.
    async fn sweep(&self, keep: &BTreeSet<String>) -> Result<(), Error>;
}

#[async_trait]
impl NetworkBackend for BridgeNetwork {
    fn bridge(&self) -> BridgeInfo {
        let config = self.config();
        BridgeInfo {
            interface: config.name.clone(),
            subnet: self.subnet().address(),
            prefix: config.prefix,
            gateway: config.gateway,
        }
    }

    fn namespace(&self, container: &str) -> PathBuf {
        Self::namespace(self, container)
    }

    async fn attach(&self, container: &str, origin: Origin) -> Result<AttachedNetwork, Error> {
        let (namespace, endpoint) = Self::attach(self, container, origin).await?;
        Ok(AttachedNetwork { namespace, endpoint })
    }

    async fn isolate(&self, container: &str, origin: Origin) -> Result<PathBuf, Error> {
        Self::isolate(self, container, origin).await
    }

    async fn detach(&self, container: &str, address: Option<Ipv4Addr>) -> Result<(), Error> {
        Self::detach(self, container, address).await
    }

    fn claim(&self, address: Ipv4Addr) -> Result<(), Error> {
        Self::claim(self, address)
    }

    async fn sweep(&self, keep: &BTreeSet<String>) -> Result<(), Error> {
        Self::sweep(self, keep).await
    }
}

/// Docker's words around a network that could not be set up.
pub(crate) fn setup_failed(error: &Error) -> crate::Error {
    crate::Error::Internal(format!("failed to set up container networking: {error}"))
}
