//! Pausing containers: every process stands still and keeps what it has.

use super::{Engine, take, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerState, Turn},
    roster::Container,
    seam::RuntimeError,
};
use std::sync::Arc;

impl Engine {
    /// Freezes a container.
    ///
    /// # Errors
    /// Conflict when it does not run or is paused already.
    pub async fn pause_container(&self, name: &str) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        to_the_end(async move { engine.pause(&container).await }).await
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// Conflict when it is not paused.
    pub async fn unpause_container(&self, name: &str) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        to_the_end(async move {
            let _one_at_a_time = container.operation.lock().await;
            if container.now()?.life.status() != ContainerState::Paused {
                return Err(Error::Conflict(format!("Container {} is not paused", container.id())));
            }
            engine.thaw(&container).await
        })
        .await
    }

    async fn pause(&self, container: &Arc<Container>) -> Result<()> {
        let _one_at_a_time = container.operation.lock().await;
        let id = container.id();
        match container.now()?.life.status() {
            ContainerState::Running => {}
            ContainerState::Paused => return Err(Error::Conflict(format!("Container {id} is already paused"))),
            ContainerState::Restarting => {
                return Err(Error::Conflict(format!(
                    "Container {id} is restarting, wait until the container is running"
                )));
            }
            _ => return Err(Error::NotRunning(id.to_owned())),
        }
        self.inner.seams.runtime.pause(id).await.map_err(|e| match e {
            RuntimeError::Gone => Error::NotRunning(id.to_owned()),
            RuntimeError::Failed(why) => Error::Internal(format!("cannot pause container {id}: {why}")),
        })?;
        match self.turn(container, Turn::Frozen).await {
            Ok(live) => {
                self.tell(container, &live, "pause", &[]);
                Ok(())
            }
            Err(e) => {
                if let Err(e) = self.inner.seams.runtime.resume(id).await {
                    tracing::error!("{} stays frozen: {e}", container.definition.short_id());
                }
                Err(e)
            }
        }
    }

    async fn thaw(&self, container: &Container) -> Result<()> {
        let id = container.id();
        match self.inner.seams.runtime.resume(id).await {
            // Its end is on the way, and tells the rest.
            Ok(()) | Err(RuntimeError::Gone) => {}
            Err(RuntimeError::Failed(why)) => {
                return Err(Error::Internal(format!("cannot resume container {id}: {why}")));
            }
        }
        let short = container.definition.short_id();
        let thawed = self.change(container, |live| take(live, Turn::Thawed, short)).await;
        match thawed {
            Ok(live) => {
                self.tell(container, &live, "unpause", &[]);
                Ok(())
            }
            // It ended in between.
            Err(Error::Conflict(_) | Error::NoSuchContainer(_)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// As docker: a frozen container that is told to end goes on, so that it can.
    pub(super) async fn thaw_to_end(&self, container: &Container) {
        let paused = container.now().is_ok_and(|live| live.life.status() == ContainerState::Paused);
        if paused && let Err(e) = self.thaw(container).await {
            tracing::warn!("{} stays frozen: {e}", container.definition.short_id());
        }
    }
}
