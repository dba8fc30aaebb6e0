//! Everything about one container.

use super::{Engine, hosts::link_parts};
use crate::{
    Result,
    container::{ContainerDetails, ContainerSize, HostConfig, NetworkMode},
    log,
};
use std::{collections::BTreeMap, path::Path};

/// The name docker gives to what we do.
pub(super) const STORAGE_DRIVER: &str = "overlay2";

impl Engine {
    /// How much a container's files take: a walk through them.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_size(&self, name: &str) -> Result<ContainerSize> {
        let container = self.inner.roster.find(name)?;
        container.now()?;
        Ok(self.size_of(&container.definition).await)
    }

    /// Everything about one container, by id, prefix of an id, or name.
    ///
    /// # Errors
    /// No such container.
    pub async fn inspect_container(&self, name: &str) -> Result<ContainerDetails> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        let definition = &container.definition.tuned(&live);
        let dir = self.inner.paths.container(&definition.id);
        let etc = self.etc_files(definition);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut storage = BTreeMap::new();
        match self.inner.seams.snapshots.get(&definition.id, &dir).await {
            Ok(snapshot) => {
                let lower: Vec<String> = snapshot.lower.iter().map(|path| text(path)).collect();
                storage.insert("LowerDir".to_owned(), lower.join(":"));
                storage.insert("UpperDir".to_owned(), text(&snapshot.upper));
                storage.insert("WorkDir".to_owned(), text(&snapshot.work));
                storage.insert("MergedDir".to_owned(), text(&self.inner.paths.rootfs(&definition.id)));
            }
            // The rest is true all the same.
            Err(e) => tracing::warn!("the files of {} are not known: {e}", definition.short_id()),
        }
        Ok(ContainerDetails {
            id: definition.id.clone(),
            name: live.name.clone(),
            created: definition.created,
            path: definition.argv.first().cloned().unwrap_or_default(),
            args: definition.argv.iter().skip(1).cloned().collect(),
            state: live.life.details.clone(),
            image_id: definition.image_id.clone(),
            platform: "linux".to_owned(),
            restart_count: live.life.restarts,
            storage_driver: STORAGE_DRIVER.to_owned(),
            storage,
            log_path: log::is_public(&definition.host.log_config).then(|| self.inner.paths.log(&definition.id)),
            hosts_path: etc.hosts,
            hostname_path: etc.hostname,
            resolv_conf_path: etc.resolv_conf,
            config: definition.config.clone(),
            host: HostConfig { links: links_shown(&live.name, &definition.host), ..definition.host.clone() },
            mounts: definition.mounts.iter().map(|mount| mount.point.clone()).collect(),
            network: self.network_shown(&live, definition),
            execs: self.inner.execs.of(&definition.id),
        })
    }
}

/// As docker shows them, `/other:/own/alias`; on a network of the user's they are the endpoint's.
fn links_shown(own: &str, host: &HostConfig) -> Vec<String> {
    let links = host.links.iter().filter(|_| !matches!(host.network_mode, NetworkMode::Named(_)));
    links.filter_map(|link| link_parts(link).ok()).map(|(name, alias)| format!("/{name}:/{own}/{alias}")).collect()
}
