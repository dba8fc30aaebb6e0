//! The networks that containers are put on.

use async_trait::async_trait;
use berth_network::{DefaultRoutes, Error, InterfacePlan, NetworkPlan, Networks, Origin};
use std::{collections::BTreeSet, path::PathBuf};

/// Makes networks and puts containers on them. The real one is [`Networks`].
#[async_trait]
pub trait NetworkBackend: Send + Sync {
    /// The file that names a container's namespace.
    fn namespace(&self, container: &str) -> PathBuf;

    /// Prepares a container's namespace with loopback only. On failure nothing is left.
    ///
    /// # Errors
    /// The backend's.
    async fn open(&self, container: &str, origin: Origin) -> Result<PathBuf, Error>;

    /// Takes a container's namespace away with these endpoints; what is gone is no error.
    ///
    /// # Errors
    /// The backend's.
    async fn close(&self, container: &str, endpoints: &[String]) -> Result<(), Error>;

    /// Makes a network be there as planned.
    ///
    /// # Errors
    /// The backend's; nothing is left then.
    async fn make(&self, network: &NetworkPlan) -> Result<(), Error>;

    /// Removes a network on which no container is; one that is gone is no error.
    ///
    /// # Errors
    /// The backend's.
    async fn unmake(&self, network: &NetworkPlan) -> Result<(), Error>;

    /// Puts a container, whose namespace is open, on a network, which is made when it is not there.
    ///
    /// # Errors
    /// The backend's; nothing is left of the interface then.
    async fn join(&self, container: &str, network: &NetworkPlan, interface: &InterfacePlan) -> Result<(), Error>;

    /// Takes a container off a network; what is gone is no error.
    ///
    /// # Errors
    /// The backend's.
    async fn leave(&self, container: &str, interface: &InterfacePlan) -> Result<(), Error>;

    /// Gives a container its default routes.
    ///
    /// # Errors
    /// The backend's.
    async fn route(&self, container: &str, routes: &DefaultRoutes) -> Result<(), Error>;

    /// Removes what belongs to none of these containers, endpoints and networks.
    ///
    /// # Errors
    /// The first one; the rest is tried.
    async fn sweep(
        &self,
        containers: &BTreeSet<String>,
        endpoints: &BTreeSet<String>,
        networks: &[NetworkPlan],
    ) -> Result<(), Error>;
}

#[async_trait]
impl NetworkBackend for Networks {
    fn namespace(&self, container: &str) -> PathBuf {
        Self::namespace(self, container)
    }

    async fn open(&self, container: &str, origin: Origin) -> Result<PathBuf, Error> {
        self.open_namespace(container, origin).await
    }

    async fn close(&self, container: &str, endpoints: &[String]) -> Result<(), Error> {
        self.close_namespace(container, endpoints).await
    }

    async fn make(&self, network: &NetworkPlan) -> Result<(), Error> {
        Self::make(self, network).await
    }

    async fn unmake(&self, network: &NetworkPlan) -> Result<(), Error> {
        Self::unmake(self, network).await
    }

    async fn join(&self, container: &str, network: &NetworkPlan, interface: &InterfacePlan) -> Result<(), Error> {
        Self::join(self, container, network, interface).await
    }

    async fn leave(&self, container: &str, interface: &InterfacePlan) -> Result<(), Error> {
        Self::leave(self, container, interface).await
    }

    async fn route(&self, container: &str, routes: &DefaultRoutes) -> Result<(), Error> {
        Self::route(self, container, routes).await
    }

    async fn sweep(
        &self,
        containers: &BTreeSet<String>,
        endpoints: &BTreeSet<String>,
        networks: &[NetworkPlan],
    ) -> Result<(), Error> {
        Self::sweep(self, containers, endpoints, networks).await
    }
}

/// Docker's words around a network that could not be set up.
pub(crate) fn setup_failed(error: &Error) -> crate::Error {
    crate::Error::Internal(format!("failed to set up container networking: {error}"))
}
