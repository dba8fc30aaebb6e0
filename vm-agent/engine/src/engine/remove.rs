//! Removing and renaming containers.

use super::{Engine, io_error, start::outlasting, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerState, RemoveOptions, Turn, name},
    roster::Container,
};
use std::sync::Arc;

impl Engine {
    /// Removes a container with its files, and its anonymous volumes when asked.
    ///
    /// # Errors
    /// Conflict when it runs and force is not given.
    pub async fn remove_container(&self, name: &str, options: RemoveOptions) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        let state = live.life.status();
        let busy = live.life.runs() || state == ContainerState::Restarting;
        if busy && !options.force {
            return Err(Error::StillRunning { name: live.name.clone(), state });
        }
        if options.force {
            // A client that sends no more of what it copies would be waited for.
            container.cut_off.send_replace(());
        }
        if busy {
            match self.end_by_force(&container).await {
                Ok(()) | Err(Error::NoSuchContainer(_)) => {}
                Err(e) => return Err(e),
            }
        }
        let removes_itself = container.definition.host.auto_remove;
        match self.remove(container, options.volumes).await {
            // One that removes itself when it ends is as good. Otherwise somebody else has removed it, and that is
            // theirs to be told.
            Err(Error::NoSuchContainer(_)) if removes_itself || options.force => Ok(()),
            Err(Error::RemovalInProgress(_)) if options.force => Ok(()),
            result => result,
        }
    }

    /// Until it neither runs nor will: one that ended by itself in between may be started again by its policy.
    async fn end_by_force(&self, container: &Arc<Container>) -> Result<()> {
        loop {
            let called_off = self.call_off(container, true).await?;
            let before = container.now()?;
            if called_off || !before.life.runs() {
                return Ok(());
            }
            match self.kill_container(container.id(), None).await.map_err(Error::unwrapped) {
                // Its end is under way already: there is nothing to kill, and something to wait for.
                Err(Error::NotRunning(_)) => self.killed(container, before.life.ends).await?,
                result => result?,
            }
        }
    }

    /// Removes a container that does not run.
    pub(super) async fn remove(&self, container: Arc<Container>, volumes: bool) -> Result<()> {
        let engine = self.clone();
        to_the_end(async move { engine.remove_now(&container, volumes).await }).await
    }

    async fn remove_now(&self, container: &Arc<Container>, volumes: bool) -> Result<()> {
        let _one_at_a_time = container.operation.lock().await;
        container.written().await;
        let live = container.now()?;
        match live.life.status() {
            ContainerState::Created | ContainerState::Exited | ContainerState::Dead => {
                self.turn(container, Turn::Removing).await?;
            }
            // The engine ended in the middle of it, before this start.
            ContainerState::Removing => {}
            state => return Err(Error::StillRunning { name: live.name.clone(), state }),
        }
        if let Err(e) = self.take_apart(container).await {
            self.turn(container, Turn::RemovalFailed).await?;
            return Err(e);
        }
        self.inner.roster.remove(container.id());
        self.tell(container, &live, "destroy", &[]);
        container.vanish();
        container.waiting.lock().await.clients.clear();
        self.inner.execs.container_gone(container.id());
        for mount in container.definition.volumes().filter(|mount| volumes && mount.anonymous) {
            match self.remove_volume(&mount.point.name, true).await {
                Ok(()) | Err(Error::VolumeInUse { .. }) => {}
                Err(e) => tracing::warn!("the volume {} stays: {e}", mount.point.name),
            }
        }
        Ok(())
    }

    /// Files first, the row last: an engine that ends in between finds the row and goes on.
    async fn take_apart(&self, container: &Container) -> Result<()> {
        let inner = &self.inner;
        let id = container.id();
        let dir = inner.paths.container(id);
        inner.seams.snapshots.unmount(&inner.paths.rootfs(id)).await?;
        self.remove_bundle_files(id).await?;
        inner.seams.snapshots.release(id, &dir).await?;
        // Who compresses the log of a container that wrote a lot may not have heard yet that it is over.
        outlasting(|| tokio::fs::remove_dir_all(&dir)).await.map_err(io_error("remove", &dir))?;
        Ok(inner.store.remove_container(id).await?)
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// Name in use or malformed.
    pub async fn rename_container(&self, name: &str, new_name: &str) -> Result<()> {
        if new_name.is_empty() || new_name == "/" {
            return Err(Error::InvalidParameter("Neither old nor new names may be empty".to_owned()));
        }
        let container = self.inner.roster.find(name)?;
        let new_name = name::check(new_name)?.to_owned();
        let engine = self.clone();
        to_the_end(async move { engine.rename(&container, new_name).await }).await
    }

    async fn rename(&self, container: &Container, new_name: String) -> Result<()> {
        let _one_at_a_time = container.operation.lock().await;
        let old_name = container.now()?.name.clone();
        if old_name == new_name {
            return Err(Error::InvalidParameter(
                "Renaming a container with the same name as its current name".to_owned(),
            ));
        }
        self.inner.roster.reserve(&new_name, container.id())?;
        let renamed = self
            .change(container, |live| {
                live.name.clone_from(&new_name);
                Ok(())
            })
            .await;
        match renamed {
            Ok(live) => {
                self.inner.roster.free(&old_name, container.id());
                self.tell(container, &live, "rename", &[("oldName", format!("/{old_name}"))]);
                Ok(())
            }
            Err(e) => {
                self.inner.roster.free(&new_name, container.id());
                Err(e)
            }
        }
    }
}
