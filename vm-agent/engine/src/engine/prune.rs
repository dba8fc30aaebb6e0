//! Removing every container that has ended.

use super::{Engine, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerState, PruneFilters, Pruned},
    event::EventKind,
    filter,
};
use tokio::sync::MutexGuard;

impl Engine {
    /// Removes the containers that do not run and fit. Their volumes stay.
    ///
    /// # Errors
    /// Conflict while another prune goes on.
    pub async fn prune_containers(&self, filters: PruneFilters) -> Result<Pruned> {
        let engine = self.clone();
        to_the_end(async move { engine.prune(&filters).await }).await
    }

    async fn prune(&self, filters: &PruneFilters) -> Result<Pruned> {
        let _one_at_a_time = self.prune_alone()?;
        let mut pruned = Pruned::default();
        for container in self.inner.roster.all() {
            let definition = &container.definition;
            let Ok(live) = container.now() else { continue };
            let ended =
                matches!(live.life.status(), ContainerState::Created | ContainerState::Exited | ContainerState::Dead);
            let fits = filters.until.is_none_or(|until| definition.created < until)
                && filter::labels_fit(&filters.label, &filters.label_not, &definition.config.labels);
            if !ended || !fits {
                continue;
            }
            let size = self.size_of(definition).await.written;
            match self.remove(container.clone(), false).await {
                Ok(()) => {
                    pruned.space_reclaimed = pruned.space_reclaimed.saturating_add(size);
                    pruned.deleted.push(definition.id.clone());
                }
                // Somebody was faster, or started it.
                Err(Error::NoSuchContainer(_) | Error::RemovalInProgress(_) | Error::StillRunning { .. }) => {}
                Err(e) => tracing::warn!("{} could not be pruned: {e}", definition.short_id()),
            }
        }
        self.tell_prune(EventKind::Container, pruned.space_reclaimed);
        Ok(pruned)
    }

    /// Held while containers or images are pruned.
    pub(super) fn prune_alone(&self) -> Result<MutexGuard<'_, ()>> {
        let busy = |_| Error::Conflict("a prune operation is already running".to_owned());
        self.inner.pruning.try_lock().map_err(busy)
    }
}
