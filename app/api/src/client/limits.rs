//! What of a container may be changed while it exists.

use super::{Client, Pruned, images::bytes, segment};
use crate::{container::Update, error::Error};
use bollard::query_parameters::{PruneContainersOptions, RenameContainerOptions};

impl Client {
    /// Changes limits and the restart policy of a container; what is not given stays.
    ///
    /// # Errors
    /// Those of every request; 400 and 409 for limits that make no sense.
    pub async fn update_container(&self, name: &str, update: &Update) -> Result<(), Error> {
        let name = segment("container", name)?;
        Ok(self.docker()?.update_container(&name, update.body()).await?)
    }

    /// Freezes a container.
    ///
    /// # Errors
    /// Those of every request; 409 when it does not run or is paused already.
    pub async fn pause_container(&self, name: &str) -> Result<(), Error> {
        let name = segment("container", name)?;
        Ok(self.docker()?.pause_container(&name).await?)
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// Those of every request; 409 when it is not paused.
    pub async fn unpause_container(&self, name: &str) -> Result<(), Error> {
        let name = segment("container", name)?;
        Ok(self.docker()?.unpause_container(&name).await?)
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// Those of every request; 409 when another has the name.
    pub async fn rename_container(&self, name: &str, new_name: &str) -> Result<(), Error> {
        let name = segment("container", name)?;
        Ok(self.docker()?.rename_container(&name, RenameContainerOptions { name: new_name.into() }).await?)
    }

    /// Removes every container that does not run and fits the filters; gives their ids.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn prune_containers(&self, filters: super::Filters) -> Result<Pruned<String>, Error> {
        let options = PruneContainersOptions { filters: Some(filters) };
        let pruned = self.docker()?.prune_containers(Some(options)).await?;
        let removed = pruned.containers_deleted.unwrap_or_default();
        Ok(Pruned { removed, space_reclaimed: bytes(pruned.space_reclaimed) })
    }
}
