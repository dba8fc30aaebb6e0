//! Networks, through the Docker Engine API of the guest.

use super::{Client, Filters, http, segment};
use crate::{
    container::ContainerQuery,
    error::Error,
    network::{NetworkRow, NetworkSpec},
    run::Endpoint,
};
use ::http::Method;
use bollard::{
    models::{NetworkConnectRequest, NetworkDisconnectRequest},
    query_parameters::PruneNetworksOptions,
};
use serde_json::Value;

impl Client {
    /// The networks that fit, as docker lists them.
    ///
    /// # Errors
    /// Those of every request; 400 for a filter that makes no sense.
    pub async fn networks(&self, filters: &Filters) -> Result<Vec<Value>, Error> {
        let filters = serde_json::to_string(filters).map_err(|error| Error::Invalid(error.to_string()))?;
        http::json(&self.home, Method::GET, &format!("/networks?filters={}", http::query_value(&filters))).await
    }

    /// Every network by name, with the containers on it.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn network_rows(&self) -> Result<Vec<NetworkRow>, Error> {
        let networks = http::json(&self.home, Method::GET, "/networks").await?;
        let all = ContainerQuery { all: true, ..ContainerQuery::default() };
        Ok(NetworkRow::all(networks, self.list_containers(all).await?))
    }

    /// Creates a network; gives its id and what the engine warns of.
    ///
    /// # Errors
    /// Those of every request; 409 when the name is taken, 403 when its subnet is.
    pub async fn create_network(&self, spec: NetworkSpec) -> Result<(String, String), Error> {
        let made = self.docker()?.create_network(spec.request()).await?;
        Ok((made.id, made.warning))
    }

    /// Removes a network.
    ///
    /// # Errors
    /// Those of every request; 403 while a container is on it.
    pub async fn remove_network(&self, name: &str) -> Result<(), Error> {
        Ok(self.docker()?.remove_network(&segment("network", name)?).await?)
    }

    /// Puts a container on a network, at once when it runs.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn connect_network(&self, name: &str, container: &str, endpoint: &Endpoint) -> Result<(), Error> {
        let request =
            NetworkConnectRequest { container: container.to_owned(), endpoint_config: Some(endpoint.settings()) };
        Ok(self.docker()?.connect_network(&segment("network", name)?, request).await?)
    }

    /// Takes a container off a network.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn disconnect_network(&self, name: &str, container: &str, force: bool) -> Result<(), Error> {
        let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(force) };
        Ok(self.docker()?.disconnect_network(&segment("network", name)?, request).await?)
    }

    /// Everything the engine knows of a network.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inspect_network(&self, name: &str) -> Result<Value, Error> {
        http::json(&self.home, Method::GET, &format!("/networks/{}", segment("network", name)?)).await
    }

    /// Removes the networks that no container is on, and that fit; gives their names.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn prune_networks(&self, filters: Filters) -> Result<Vec<String>, Error> {
        let options = PruneNetworksOptions { filters: Some(filters) };
        Ok(self.docker()?.prune_networks(Some(options)).await?.networks_deleted.unwrap_or_default())
    }
}
