//! The engine's start: what runs is taken up, what ended unseen is told, what no container owns goes.

use super::{Engine, attach_network::take_place_away, health, io_error, start::Reason, take};
use crate::{
    Error, Result,
    container::{ContainerState, Live, Turn},
    roster::Container,
    seam::{ExitRecord, Liveness},
    spec::CGROUP_PARENT,
};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

impl Engine {
    pub(super) async fn recover(&self) -> Result<()> {
        self.open_networks().await?;
        let mut containers = Vec::new();
        for (definition, live) in self.inner.store.containers().await? {
            self.inner.roster.reserve(&live.name, &definition.id)?;
            let container = Arc::new(Container::new(definition, live));
            self.inner.roster.add(container.clone());
            containers.push(container);
        }
        let mut running = BTreeSet::new();
        // Those that run first: their addresses are taken before anything else could get them.
        for container in &containers {
            if self.take_up(container).await? {
                running.insert(container.id().to_owned());
            }
        }
        self.sweep(&containers, &running).await?;
        self.recover_execs().await?;
        for container in containers {
            let Ok(live) = container.now() else { continue };
            let host = &container.definition.host;
            if live.life.runs() {
                self.watch(container);
            } else if live.life.status() == ContainerState::Removing
                || (host.auto_remove && live.life.status() == ContainerState::Exited)
            {
                self.remove_automatically(container);
            } else if live.life.restart_at_boot(live.restart_policy(&container.definition)) {
                let engine = self.clone();
                tokio::spawn(async move {
                    if let Err(e) = engine.start(container.clone(), Reason::Boot).await {
                        tracing::warn!("{} could not be restarted: {e}", container.definition.short_id());
                    }
                });
            }
        }
        Ok(())
    }

    /// Brings one container's row in line with what is true; whether it runs.
    async fn take_up(&self, container: &Container) -> Result<bool> {
        let live = container.now()?;
        let bundle = self.inner.paths.bundle(container.id());
        let ran = live.life.runs();
        if !ran && !tokio::fs::try_exists(&bundle).await.unwrap_or(false) {
            self.settle(container, &live).await?;
            return Ok(false);
        }
        match self.inner.seams.runtime.probe(container.id(), &bundle).await {
            Liveness::Running { pid, frozen } => {
                self.adopt(container, &live, pid, frozen).await?;
                return Ok(true);
            }
            Liveness::Ended(record) if ran => self.ended_unseen(container, Some(record)).await?,
            _ if ran => self.ended_unseen(container, None).await?,
            _ => {
                self.take_down(container).await;
                self.settle(container, &live).await?;
            }
        }
        Ok(false)
    }

    async fn adopt(&self, container: &Container, live: &Live, pid: i32, frozen: bool) -> Result<()> {
        self.take_up_places(container, live);
        self.inner.seams.ports.adopt(live.publications.clone());
        container.waiting.lock().await.up = true;
        if live.life.details.pid == pid && (live.life.status() == ContainerState::Paused) == frozen {
            return Ok(());
        }
        // The engine ended between the start of the process, or its freezing, and the row.
        let (at, id) = (self.inner.seams.clock.now(), container.definition.short_id());
        let adopted = self.change(container, |live| {
            if live.life.runs() {
                live.life.details.pid = pid;
            } else {
                live.filled = true;
                take(live, Turn::Started { pid, at, by_policy: false }, id)?;
                health::begin(&mut live.life, &container.definition);
            }
            match (live.life.status() == ContainerState::Paused, frozen) {
                (false, true) => take(live, Turn::Frozen, id),
                (true, false) => take(live, Turn::Thawed, id),
                _ => Ok(()),
            }
        });
        adopted.await.map(drop)
    }

    /// Its end was not seen: the machine was restarted, or the monitor lost. Restart policies come later.
    async fn ended_unseen(&self, container: &Container, record: Option<ExitRecord>) -> Result<()> {
        let by_hand = &container.restarting_by_hand;
        by_hand.store(true, std::sync::atomic::Ordering::Relaxed);
        let ended = self.ended(container, record).await;
        by_hand.store(false, std::sync::atomic::Ordering::Relaxed);
        ended.map(drop).ok_or_else(|| Error::Internal("a container vanished while the engine started".to_owned()))
    }

    /// A container that does not run has no place on the network, and no pause goes on.
    async fn settle(&self, container: &Container, live: &Live) -> Result<()> {
        let restarting = live.life.status() == ContainerState::Restarting;
        let mut settled = live.clone();
        take_place_away(&mut settled);
        if !restarting && settled == *live {
            return Ok(());
        }
        let id = container.definition.short_id();
        let settled = self.change(container, |live| {
            take_place_away(live);
            if restarting { take(live, Turn::RestartCalledOff, id) } else { Ok(()) }
        });
        settled.await.map(drop)
    }

    /// Removes what belongs to no container, and what belongs to one that does not run but only a running one needs.
    async fn sweep(&self, containers: &[Arc<Container>], running: &BTreeSet<String>) -> Result<()> {
        let inner = &self.inner;
        let known: BTreeSet<&str> = containers.iter().map(|container| container.id()).collect();
        self.sweep_networks(containers, running).await;
        for id in names_in(&inner.paths.bundles()).await?.into_iter().filter(|id| !running.contains(id)) {
            if !known.contains(id.as_str())
                && let Err(e) = inner.seams.runtime.delete(&id).await
            {
                tracing::warn!("the runtime keeps {id}, which is no container: {e}");
            }
            self.unmount_bundle(&id).await;
            if let Err(e) = inner.seams.snapshots.unmount(&inner.paths.rootfs(&id)).await {
                tracing::warn!("the files of {id} stay mounted: {e}");
            } else if let Err(e) = self.remove_bundle_files(&id).await {
                tracing::warn!("the bundle of {id} stays: {e}");
            }
        }
        let dirs = names_in(&inner.paths.containers()).await?;
        let snapshots = inner.seams.snapshots.known().await?;
        for container in containers.iter().filter(|container| !snapshots.iter().any(|id| id == container.id())) {
            // The images' database is one from a moment before it was created.
            let definition = &container.definition;
            let dir = inner.paths.container(&definition.id);
            let prepared = match definition.image_id.parse() {
                Ok(image) => {
                    inner.seams.snapshots.prepare(&definition.id, &image, &dir).await.map_err(|e| e.to_string())
                }
                Err(e) => Err(format!("{e}")),
            };
            if let Err(e) = prepared {
                tracing::warn!("{} has lost its layers: {e}", definition.short_id());
            }
        }
        let strays: BTreeSet<String> =
            dirs.into_iter().chain(snapshots).filter(|id| !known.contains(id.as_str())).collect();
        for id in strays {
            tracing::info!("removing the files of {id}, which is no container");
            let dir = inner.paths.container(&id);
            if let Err(e) = inner.seams.snapshots.release(&id, &dir).await {
                tracing::warn!("the files of {id} stay: {e}");
                continue;
            }
            remove_dir(&dir).await;
        }
        let cgroups = inner.config.cgroup_root.join(CGROUP_PARENT.trim_start_matches('/'));
        for id in names_in(&cgroups).await?.into_iter().filter(|id| !running.contains(id)) {
            // A parent that a container asked for may be here too, with others that run below it.
            if !is_id(&id) {
                continue;
            }
            sweep_cgroup(&cgroups.join(id)).await;
        }
        let trash = inner.paths.volume_trash();
        for name in names_in(&trash).await? {
            remove_dir(&trash.join(name)).await;
        }
        for name in inner.volumes.lock().await.keys() {
            let data = inner.paths.volume_data(name);
            tokio::fs::create_dir_all(&data).await.map_err(io_error("create", &data))?;
        }
        Ok(())
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The names of the directories in a directory; none when it is missing.
pub(super) async fn names_in(dir: &Path) -> Result<Vec<String>> {
    let mut entries = match tokio::fs::read_dir(dir).await {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(io_error("list", dir)(e)),
    };
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(io_error("list", dir))? {
        if entry.file_type().await.is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}

async fn remove_dir(dir: &PathBuf) {
    match tokio::fs::remove_dir_all(dir).await {
        Err(e) if e.kind() != io::ErrorKind::NotFound => tracing::warn!("{} stays: {e}", dir.display()),
        _ => {}
    }
}

/// Kills what is left in a control group and removes it; the kernel refuses while a process is still ending, and the
/// next start of the engine tries again.
async fn sweep_cgroup(dir: &PathBuf) {
    if let Err(e) = tokio::fs::write(dir.join("cgroup.kill"), "1").await {
        tracing::debug!("{} could not be killed: {e}", dir.display());
    }
    if let Err(e) = tokio::fs::remove_dir(dir).await {
        tracing::warn!("the control group {} stays: {e}", dir.display());
    }
}
