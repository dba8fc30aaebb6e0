//! What a container shares with another: namespaces, `/dev/shm` and volumes.

use super::{Engine, io_error};
use crate::{
    Error, Result,
    container::{ContainerState, Definition, HostConfig, MountKind, NetworkMode, Wish, WishKind, volumes_from},
    roster::Container,
    spec::{Joined, SHM_SIZE, donor, joining},
    users::Users,
};
use nix::mount::{MsFlags, mount};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

impl Engine {
    /// Replaces the names of other containers by their ids, so that a rename changes nothing later.
    ///
    /// # Errors
    /// No such container.
    pub(super) fn resolve_shared(&self, host: &mut HostConfig) -> Result<()> {
        let id = |name: &str| self.inner.roster.find(name).map(|container| container.id().to_owned());
        for mode in [&mut host.pid_mode, &mut host.ipc_mode] {
            if let Some(name) = donor(mode) {
                *mode = joining(&id(name)?);
            }
        }
        if let NetworkMode::Container(name) = &host.network_mode {
            host.network_mode = NetworkMode::Container(id(name)?);
        }
        Ok(())
    }

    /// The volumes of the containers named by `--volumes-from`.
    ///
    /// # Errors
    /// No such container, or a mode that there is not.
    pub(super) fn inherited_volumes(&self, host: &HostConfig) -> Result<Vec<Wish>> {
        let mut wishes = Vec::new();
        for text in &host.volumes_from {
            let (name, writable) = volumes_from(text)?;
            let from = self.inner.roster.find(name)?;
            for mount in &from.definition.mounts {
                let point = &mount.point;
                let what = match point.kind {
                    MountKind::Volume => {
                        WishKind::Volume { name: Some(point.name.clone()), fill: false, labels: BTreeMap::new() }
                    }
                    MountKind::Bind => WishKind::Machine {
                        source: point.source.clone(),
                        propagation: point.propagation.clone(),
                        non_recursive: mount.non_recursive,
                    },
                    MountKind::Tmpfs => continue,
                };
                wishes.push(Wish {
                    target: point.destination.clone(),
                    what,
                    rw: point.rw && writable,
                    mode: point.mode.clone(),
                    reach: mount.read_only_reach,
                });
            }
        }
        Ok(wishes)
    }

    /// What a container that starts now joins of others, with its own `/dev/shm` mounted where others can join it.
    ///
    /// # Errors
    /// Docker's sentences for one that does not run or does not share.
    pub(super) async fn join(&self, definition: &Definition, users: Option<&Users>) -> Result<Joined> {
        let host = &definition.host;
        let mut joined = Joined::default();
        if let Some(id) = donor(&host.pid_mode) {
            let (_, pid) = self.running(id).map_err(|e| failed_to("PID", &e))?;
            joined.pid = Some(namespace(pid, "pid"));
        }
        if let Some(id) = donor(&host.ipc_mode) {
            let (container, pid) = self.running(id).map_err(|e| failed_to("IPC", &e))?;
            let shm = self.inner.paths.shm(container.id());
            if container.definition.host.ipc_mode != "shareable" || !shm.is_dir() {
                let why =
                    format!("container {id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
                return Err(failed_to("IPC", &Error::InvalidParameter(why)));
            }
            joined.ipc = Some(namespace(pid, "ipc"));
            joined.shm = Some(shm);
        }
        if host.ipc_mode == "shareable" {
            joined.shm = Some(self.mount_shm(definition, users.map_or(0, |users| users.first)).await?);
        }
        Ok(joined)
    }

    /// The container whose network this one is on; it has to run.
    ///
    /// # Errors
    /// Docker's sentences.
    pub(super) fn network_donor(&self, id: &str) -> Result<Arc<Container>> {
        let container = self.inner.roster.find(id)?;
        match container.now()?.life.status() {
            ContainerState::Restarting => Err(restarting(id)),
            ContainerState::Running | ContainerState::Paused => Ok(container),
            _ => Err(Error::Conflict(format!("cannot join network of a non running container: {id}"))),
        }
    }

    pub(super) fn running(&self, id: &str) -> Result<(Arc<Container>, i32)> {
        let container = self.inner.roster.find(id)?;
        let live = container.now()?;
        match live.life.status() {
            ContainerState::Restarting => Err(restarting(id)),
            ContainerState::Running | ContainerState::Paused => Ok((container, live.life.details.pid)),
            _ => Err(Error::Conflict(format!("container {id} is not running"))),
        }
    }

    async fn mount_shm(&self, definition: &Definition, owner: u32) -> Result<PathBuf> {
        let shm = self.inner.paths.shm(&definition.id);
        tokio::fs::create_dir_all(&shm).await.map_err(io_error("create", &shm))?;
        let size = if definition.host.shm_size == 0 { SHM_SIZE } else { definition.host.shm_size };
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let options = format!("mode=1777,size={size},uid={owner},gid={owner}");
        mount(Some("shm"), &shm, Some("tmpfs"), flags, Some(options.as_str()))
            .map_err(|e| Error::Internal(format!("could not mount {}: {e}", shm.display())))?;
        Ok(shm)
    }

    /// Takes off what is mounted in a bundle beside the root filesystem, and removes its places; none is fine.
    pub(super) async fn unmount_bundle(&self, id: &str) {
        let paths = &self.inner.paths;
        for place in [paths.shm(id), paths.mapped(id), paths.users(id)] {
            let Ok(kind) = tokio::fs::symlink_metadata(&place).await else { continue };
            let unmounted = self.inner.seams.snapshots.unmount(&place).await.map_err(|e| e.to_string());
            let removed = match unmounted {
                Ok(()) if kind.is_dir() => tokio::fs::remove_dir(&place).await.map_err(|e| e.to_string()),
                Ok(()) => tokio::fs::remove_file(&place).await.map_err(|e| e.to_string()),
                Err(e) => Err(e),
            };
            if let Err(e) = removed {
                tracing::warn!("{} stays: {e}", place.display());
            }
        }
    }
}

pub(super) fn namespace(pid: i32, kind: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("ns").join(kind)
}

fn restarting(id: &str) -> Error {
    Error::Conflict(format!("Container {id} is restarting, wait until the container is running"))
}

fn failed_to(join: &str, why: &Error) -> Error {
    Error::Conflict(format!("failed to join {join} namespace: {why}"))
}
