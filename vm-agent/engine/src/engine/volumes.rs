//! Volumes and networks.

use super::{Engine, pending};
use crate::{
    Result,
    network::{Network, NetworkFilters},
    volume::{CreateVolume, Volume, VolumeFilters, VolumesPruned},
};

impl Engine {
    /// Makes a volume, or gets the one that has this name.
    ///
    /// # Errors
    /// A name that is none; a driver that is not there.
    pub async fn create_volume(&self, request: CreateVolume) -> Result<Volume> {
        drop(request);
        Err(pending(self))
    }

    /// The volumes that fit, by name.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn list_volumes(&self, filters: VolumeFilters) -> Result<Vec<Volume>> {
        drop(filters);
        Err(pending(self))
    }

    /// One volume.
    ///
    /// # Errors
    /// No such volume.
    pub async fn inspect_volume(&self, name: &str) -> Result<Volume> {
        drop(name.to_owned());
        Err(pending(self))
    }

    /// Removes a volume and its data. Force makes an absent one no error.
    ///
    /// # Errors
    /// Conflict while a container uses it.
    pub async fn remove_volume(&self, name: &str, force: bool) -> Result<()> {
        drop((name.to_owned(), force));
        Err(pending(self))
    }

    /// Removes the volumes that no container uses and that fit.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn prune_volumes(&self, filters: VolumeFilters) -> Result<VolumesPruned> {
        drop(filters);
        Err(pending(self))
    }

    /// The networks that fit.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn list_networks(&self, filters: NetworkFilters) -> Result<Vec<Network>> {
        drop(filters);
        Err(pending(self))
    }

    /// One network, by name, id or prefix of an id.
    ///
    /// # Errors
    /// No such network.
    pub async fn inspect_network(&self, name: &str) -> Result<Network> {
        drop(name.to_owned());
        Err(pending(self))
    }
}
