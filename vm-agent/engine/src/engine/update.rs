//! Changing limits and the restart policy of containers, running or not.

use super::{Engine, system::cpus, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerState, Resources, RestartPolicy, Tuning, UpdateContainer},
    roster::Container,
    seam::RuntimeError,
    spec,
};
use std::sync::Arc;

impl Engine {
    /// Changes what is given and keeps the rest. A running container has the new limits when this returns, any other
    /// gets them at its next start. Sentences the user should see.
    ///
    /// # Errors
    /// Limits that make no sense, alone or with those the container has; limits that the kernel refuses.
    pub async fn update_container(&self, name: &str, request: UpdateContainer) -> Result<Vec<String>> {
        spec::check_update(&request.resources, cpus())?;
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        to_the_end(async move {
            let _one_at_a_time = container.operation.lock().await;
            let id = container.id();
            engine.update(&container, request).await.map_err(|e| cannot(id, e))?;
            Ok(vec![])
        })
        .await
    }

    async fn update(&self, container: &Arc<Container>, request: UpdateContainer) -> Result<()> {
        let live = container.now()?;
        if matches!(live.life.status(), ContainerState::Removing | ContainerState::Dead) {
            return Err(Error::Conflict("container is marked for removal and cannot be \"update\"".to_owned()));
        }
        let before = container.definition.tuned(&live);
        let old = &before.host.resources;
        let resources = merged(old, request.resources)?;
        spec::check_resources(&resources, cpus())?;
        let restart_policy = request.restart_policy.unwrap_or(before.host.restart_policy);
        if before.host.auto_remove && restart_policy != RestartPolicy::No {
            return Err(Error::Conflict(
                "Restart policy cannot be updated because AutoRemove is enabled for the container".to_owned(),
            ));
        }
        let runs = live.life.runs() && resources != *old;
        if runs {
            self.limit(container, &resources, old).await?;
        }
        let tuning = Some(Tuning { resources, restart_policy });
        let changed = self
            .change(container, |live| {
                live.tuning = tuning;
                Ok(())
            })
            .await;
        match changed {
            Ok(live) => {
                self.tell(container, &live, "update", &[]);
                Ok(())
            }
            Err(e) => {
                if runs {
                    self.put_back(container, old).await;
                }
                Err(e)
            }
        }
    }

    /// Gives a running container these limits, or leaves it those it had.
    async fn limit(&self, container: &Container, resources: &Resources, old: &Resources) -> Result<()> {
        let document = spec::resources_update(resources)?;
        match self.inner.seams.runtime.update(container.id(), &document).await {
            Ok(()) => Ok(()),
            // What is not there any more needs no limits; the next start has them.
            Err(RuntimeError::Gone) => Ok(()),
            Err(RuntimeError::Failed(why)) => {
                self.put_back(container, old).await;
                Err(Error::Internal(why))
            }
        }
    }

    async fn put_back(&self, container: &Container, old: &Resources) {
        let restored = match spec::resources_update(old) {
            Ok(document) => self.inner.seams.runtime.update(container.id(), &document).await,
            Err(e) => Err(RuntimeError::Failed(e.to_string())),
        };
        if let Err(e) = restored {
            tracing::warn!("{} may have kept limits of an update that failed: {e}", container.definition.short_id());
        }
    }
}

/// Docker's words in front of what went wrong, with the kind of answer it is.
fn cannot(id: &str, error: Error) -> Error {
    let text = format!("Cannot update container {id}: {error}");
    match error {
        Error::Conflict(_) => Error::Conflict(text),
        Error::InvalidParameter(_) => Error::InvalidParameter(text),
        Error::Internal(_) => Error::Internal(text),
        other => other,
    }
}

/// What is given over what is there (moby `container.UpdateContainer`): 0 and nothing keep a value.
fn merged(old: &Resources, asked: Resources) -> Result<Resources> {
    let set = |value: Option<u64>| value.is_some_and(|n| n > 0);
    let conflict = |what: &str| Err(Error::Conflict(format!("Conflicting options: {what}")));
    if set(asked.nano_cpus) && set(old.cpu_period) {
        return conflict("Nano CPUs cannot be updated as CPU Period has already been set");
    }
    if set(asked.nano_cpus) && old.cpu_quota.is_some_and(|n| n > 0) {
        return conflict("Nano CPUs cannot be updated as CPU Quota has already been set");
    }
    if set(asked.cpu_period) && set(old.nano_cpus) {
        return conflict("CPU Period cannot be updated as NanoCPUs has already been set");
    }
    if asked.cpu_quota.is_some_and(|n| n > 0) && set(old.nano_cpus) {
        return conflict("CPU Quota cannot be updated as NanoCPUs has already been set");
    }
    let swap = old.memory_swap.unwrap_or(0);
    if let Some(memory) = asked.memory.filter(|n| *n > 0)
        && asked.memory_swap.unwrap_or(0) == 0
        // No limit on swap holds for any memory.
        && swap >= 0
        && memory > swap.unsigned_abs()
    {
        return Err(Error::Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
                .to_owned(),
        ));
    }
    let list = |new: Option<String>, old: &Option<String>| new.filter(|list| !list.is_empty()).or(old.clone());
    Ok(Resources {
        memory: asked.memory.filter(|n| *n > 0).or(old.memory),
        memory_swap: asked.memory_swap.filter(|n| *n != 0).or(old.memory_swap),
        memory_reservation: asked.memory_reservation.filter(|n| *n > 0).or(old.memory_reservation),
        nano_cpus: asked.nano_cpus.filter(|n| *n > 0).or(old.nano_cpus),
        cpu_shares: asked.cpu_shares.filter(|n| *n > 0).map(|n| n.clamp(2, 262_144)).or(old.cpu_shares),
        cpu_quota: asked.cpu_quota.filter(|n| *n != 0).or(old.cpu_quota),
        cpu_period: asked.cpu_period.filter(|n| *n > 0).or(old.cpu_period),
        cpuset_cpus: list(asked.cpuset_cpus, &old.cpuset_cpus),
        cpuset_mems: list(asked.cpuset_mems, &old.cpuset_mems),
        pids: asked.pids.or(old.pids),
        blkio_weight: asked.blkio_weight.filter(|n| *n > 0).or(old.blkio_weight),
        ..old.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_wins_and_the_rest_stays() {
        let old = Resources {
            memory: Some(64 << 20),
            memory_swap: Some(128 << 20),
            pids: Some(5),
            cpuset_cpus: Some("0".into()),
            ..Resources::default()
        };
        let asked = Resources { memory: Some(32 << 20), pids: Some(-1), cpu_shares: Some(1), ..Resources::default() };
        let new = merged(&old, asked).unwrap();
        assert_eq!((new.memory, new.memory_swap, new.pids), (Some(32 << 20), Some(128 << 20), Some(-1)));
        assert_eq!((new.cpu_shares, new.cpuset_cpus.as_deref()), (Some(2), Some("0")));
        assert_eq!(merged(&old, Resources::default()).unwrap(), old);
    }

    #[test]
    fn contradictions_are_told_as_docker_tells_them() {
        let said = |old: Resources, asked: Resources| merged(&old, asked).unwrap_err().to_string();
        let memory = |memory| Resources { memory: Some(memory), ..Resources::default() };
        assert_eq!(
            said(Resources::default(), memory(64 << 20)),
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        );
        let unlimited = Resources { memory_swap: Some(-1), ..Resources::default() };
        assert_eq!(merged(&unlimited, memory(64 << 20)).unwrap().memory, Some(64 << 20));
        let nano = Resources { nano_cpus: Some(1_000_000_000), ..Resources::default() };
        let quota = Resources { cpu_quota: Some(50_000), ..Resources::default() };
        assert_eq!(
            said(quota.clone(), nano.clone()),
            "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set"
        );
        assert_eq!(
            said(nano, quota),
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"
        );
    }
}
