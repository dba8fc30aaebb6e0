//! Volumes.

use super::{Engine, io_error, random_hex, to_the_end};
use crate::{
    Error, Result,
    event::EventKind,
    filter,
    store::VolumeRow,
    tree_size::tree_size,
    volume::{CreateVolume, Volume, VolumeFilters, VolumesPruned, name},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

impl Engine {
    /// Makes a volume, or gets the one that has this name.
    ///
    /// # Errors
    /// A name that is none; a driver that is not there.
    pub async fn create_volume(&self, request: CreateVolume) -> Result<Volume> {
        let CreateVolume { name, driver, driver_options, labels } = request;
        if !matches!(driver.as_str(), "" | "local") {
            return Err(Error::NotFound(format!(
                "error looking up volume plugin {driver}: plugin \"{driver}\" not found"
            )));
        }
        if let Some(option) = driver_options.keys().next() {
            return Err(Error::InvalidParameter(format!(
                "invalid option: {option:?}: the local driver takes no options yet"
            )));
        }
        let name = name.filter(|name| !name.is_empty());
        let anonymous = name.is_none();
        let name = name.map_or_else(random_hex::<32>, Ok)?;
        name::check(&name)?;
        let engine = self.clone();
        to_the_end(async move {
            let mut volumes = engine.inner.volumes.lock().await;
            engine.ensure_volume(&mut volumes, &name, anonymous, labels).await?;
            let row = volumes.get(&name).ok_or_else(|| Error::NoSuchVolume(name.clone()))?;
            Ok(engine.volume(row))
        })
        .await
    }

    /// Makes a volume unless it is there; whether it was made. Its directory first, then its row.
    pub(super) async fn ensure_volume(
        &self,
        volumes: &mut BTreeMap<String, VolumeRow>,
        name: &str,
        anonymous: bool,
        labels: BTreeMap<String, String>,
    ) -> Result<bool> {
        if volumes.contains_key(name) {
            return Ok(false);
        }
        let data = self.inner.paths.volume_data(name);
        tokio::fs::create_dir_all(&data).await.map_err(io_error("create", &data))?;
        let row = VolumeRow { name: name.to_owned(), created: self.inner.seams.clock.now(), anonymous, labels };
        if let Err(e) = self.inner.store.add_volume(&row).await {
            if let Err(e) = tokio::fs::remove_dir_all(self.inner.paths.volume(name)).await {
                tracing::warn!("the directory of the volume {name} stays: {e}");
            }
            return Err(e.into());
        }
        volumes.insert(name.to_owned(), row);
        self.tell_volume("create", name);
        Ok(true)
    }

    /// The volumes that fit, by name.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn list_volumes(&self, filters: VolumeFilters) -> Result<Vec<Volume>> {
        let used = self.used_volumes();
        let volumes = self.inner.volumes.lock().await;
        Ok(volumes.values().filter(|row| fits(row, &filters, &used)).map(|row| self.volume(row)).collect())
    }

    /// One volume.
    ///
    /// # Errors
    /// No such volume.
    pub async fn inspect_volume(&self, name: &str) -> Result<Volume> {
        let volumes = self.inner.volumes.lock().await;
        volumes.get(name).map(|row| self.volume(row)).ok_or_else(|| Error::NoSuchVolume(name.to_owned()))
    }

    /// Removes a volume and its data. Force makes an absent one no error.
    ///
    /// # Errors
    /// Conflict while a container uses it.
    pub async fn remove_volume(&self, name: &str, force: bool) -> Result<()> {
        let (engine, name) = (self.clone(), name.to_owned());
        to_the_end(async move {
            let mut volumes = engine.inner.volumes.lock().await;
            match engine.remove_unused(&mut volumes, &name).await {
                Err(Error::NoSuchVolume(_)) if force => Ok(()),
                result => result.map(drop),
            }
        })
        .await
    }

    /// Removes the volumes that no container uses and that fit: anonymous ones, and named ones when `all` is set.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn prune_volumes(&self, filters: VolumeFilters) -> Result<VolumesPruned> {
        let engine = self.clone();
        to_the_end(async move {
            let mut volumes = engine.inner.volumes.lock().await;
            let used = engine.used_volumes();
            let names: Vec<String> = volumes
                .values()
                .filter(|row| (row.anonymous || filters.all) && !used.contains(&row.name) && fits(row, &filters, &used))
                .map(|row| row.name.clone())
                .collect();
            let mut pruned = VolumesPruned::default();
            for name in names {
                pruned.space_reclaimed += engine.remove_unused(&mut volumes, &name).await?;
                pruned.deleted.push(name);
            }
            engine.tell_prune(EventKind::Volume, pruned.space_reclaimed);
            Ok(pruned)
        })
        .await
    }

    /// Out of the way, then the row, then the data: an engine that ends in between never gives old data to a new
    /// volume of the same name. The size of what was removed, bytes.
    async fn remove_unused(&self, volumes: &mut BTreeMap<String, VolumeRow>, name: &str) -> Result<u64> {
        if !volumes.contains_key(name) {
            return Err(Error::NoSuchVolume(name.to_owned()));
        }
        let users: Vec<String> = self
            .inner
            .roster
            .all()
            .iter()
            .filter(|container| container.definition.volumes().any(|mount| mount.point.name == name))
            .map(|container| container.id().to_owned())
            .collect();
        if !users.is_empty() {
            return Err(Error::VolumeInUse { name: name.to_owned(), users: users.join(", ") });
        }
        let dir = self.inner.paths.volume(name);
        let aside = self.inner.paths.volume_trash().join(format!("{name}.{}", random_hex::<4>()?));
        match tokio::fs::rename(&dir, &aside).await {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &dir)(e)),
            _ => {}
        }
        if let Err(e) = self.inner.store.remove_volume(name).await {
            tokio::fs::rename(&aside, &dir).await.map_err(io_error("put back", &dir))?;
            return Err(e.into());
        }
        volumes.remove(name);
        self.tell_volume("destroy", name);
        let deleted = tokio::task::spawn_blocking(move || -> io::Result<u64> {
            let size = tree_size(&aside)?;
            fs::remove_dir_all(&aside)?;
            Ok(size)
        });
        match deleted.await {
            Ok(Ok(size)) => Ok(size),
            // It is out of the way, and deleted when the engine starts.
            Ok(Err(e)) if e.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("the data of the volume {name} is still being deleted: {e}");
                Ok(0)
            }
            _ => Ok(0),
        }
    }

    fn used_volumes(&self) -> BTreeSet<String> {
        let all = self.inner.roster.all();
        all.iter().flat_map(|container| container.definition.volumes()).map(|mount| mount.point.name.clone()).collect()
    }

    fn volume(&self, row: &VolumeRow) -> Volume {
        Volume {
            name: row.name.clone(),
            driver: "local".to_owned(),
            mountpoint: self.inner.paths.volume_data(&row.name),
            created: row.created,
            labels: row.labels.clone(),
            anonymous: row.anonymous,
        }
    }

    fn tell_volume(&self, action: &str, name: &str) {
        let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
        self.tell_of(EventKind::Volume, action, name, attributes);
    }
}

fn fits(row: &VolumeRow, filters: &VolumeFilters, used: &BTreeSet<String>) -> bool {
    (filters.name.is_empty() || filters.name.iter().any(|name| filter::name_fits(name, &row.name)))
        && (filters.driver.is_empty() || filters.driver.iter().any(|driver| driver == "local"))
        && filters.label.iter().all(|label| filter::label_fits(label, &row.labels))
        && filters.dangling.is_none_or(|dangling| dangling != used.contains(&row.name))
}
