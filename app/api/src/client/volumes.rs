//! Volumes, through the Docker Engine API of the guest.

use super::{Client, http, segment};
use crate::{error::Error, volume::VolumeRow};
use ::http::Method;
use bollard::{
    models::VolumeCreateRequest,
    query_parameters::{ListVolumesOptions, PruneVolumesOptions, RemoveVolumeOptions},
};

impl Client {
    /// The volumes.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn volumes(&self) -> Result<Vec<VolumeRow>, Error> {
        let list = self.docker()?.list_volumes(None::<ListVolumesOptions>).await?;
        Ok(list.volumes.unwrap_or_default().into_iter().map(Into::into).collect())
    }

    /// Creates a volume, or finds the one of that name; the engine makes up a name for `None`.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_volume(&self, name: Option<&str>) -> Result<VolumeRow, Error> {
        let request = VolumeCreateRequest { name: name.map(Into::into), ..Default::default() };
        Ok(self.docker()?.create_volume(request).await?.into())
    }

    /// Removes a volume.
    ///
    /// # Errors
    /// Those of every request; 409 while a container uses it.
    pub async fn remove_volume(&self, name: &str, force: bool) -> Result<(), Error> {
        let name = segment("volume", name)?;
        Ok(self.docker()?.remove_volume(&name, Some(RemoveVolumeOptions { force })).await?)
    }

    /// Everything the engine knows of a volume.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inspect_volume(&self, name: &str) -> Result<serde_json::Value, Error> {
        http::json(&self.home, Method::GET, &format!("/volumes/{}", segment("volume", name)?)).await
    }

    /// Removes the volumes without a name that no container has, and that fit; gives their names.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn prune_volumes(&self, filters: super::Filters) -> Result<super::Pruned<String>, Error> {
        let options = PruneVolumesOptions { filters: Some(filters) };
        let pruned = self.docker()?.prune_volumes(Some(options)).await?;
        let removed = pruned.volumes_deleted.unwrap_or_default();
        Ok(super::Pruned { removed, space_reclaimed: super::images::bytes(pruned.space_reclaimed) })
    }
}
