//! Removing every container that has ended.

use super::{Engine, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerState, PruneFilters, Pruned},
    event::EventKind,
    filter,
};
use std::collections::BTreeMap;

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
        let Ok(_one_at_a_time) = self.inner.pruning.try_lock() else {
            return Err(Error::Conflict("a prune operation is already running".to_owned()));
        };
        let mut pruned = Pruned::default();
        for container in self.inner.roster.all() {
            let definition = &container.definition;
            let Ok(live) = container.now() else { continue };
            let ended =
                matches!(live.life.status(), ContainerState::Created | ContainerState::Exited | ContainerState::Dead);
            let labels = &definition.config.labels;
            let fits = filters.until.is_none_or(|until| definition.created < until)
                && filters.label.iter().all(|label| filter::label_fits(label, labels))
                && !filters.label_not.iter().any(|label| filter::label_fits(label, labels));
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
        let reclaimed = BTreeMap::from([("reclaimed".to_owned(), pruned.space_reclaimed.to_string())]);
        self.tell_of(EventKind::Container, "prune", "", reclaimed);
        Ok(pruned)
    }
}
