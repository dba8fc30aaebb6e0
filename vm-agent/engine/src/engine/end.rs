//! What happens when a container's process has ended.

use super::{Engine, attach_network::take_place_away, start::Reason, take};
use crate::{
    Error,
    container::{ContainerState, Live, Turn, UNSEEN_EXIT},
    roster::Container,
    seam::ExitRecord,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Between two attempts to keep an end, when the disk is full or failing.
const KEEP_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Engine {
    /// Follows a running container to its end, in the background.
    pub(super) fn watch(&self, container: Arc<Container>) {
        let engine = self.clone();
        tokio::spawn(async move {
            let bundle = engine.inner.paths.bundle(container.id());
            let record = tokio::select! {
                record = engine.inner.seams.runtime.wait(&bundle) => record,
                never = engine.notice_oom(&container) => match never {},
                never = engine.mind_health(&container) => match never {},
            };
            if record.is_none() {
                tracing::warn!("the monitor of {} was lost; its process is killed", container.definition.short_id());
            }
            let Some(live) = engine.ended(&container, record).await else { return };
            if live.life.status() == ContainerState::Restarting {
                engine.restart_later(container, &live);
            } else if container.definition.host.auto_remove && !container.restarting_by_hand.load(Ordering::Relaxed) {
                engine.remove_automatically(container);
            }
        });
    }

    /// Takes everything down that a running container needs, keeps how it ended, and tells. The end is visible only
    /// when it is all gone, so that a start that follows at once finds nothing in its way. `None` when the container is
    /// gone.
    pub(super) async fn ended(&self, container: &Container, record: Option<ExitRecord>) -> Option<Arc<Live>> {
        self.take_down(container).await;
        let record = record.unwrap_or_else(|| ExitRecord {
            code: UNSEEN_EXIT,
            oom_killed: false,
            at: self.inner.seams.clock.now(),
        });
        let oom_told = container.now().is_ok_and(|live| live.life.details.oom_killed);
        let live = loop {
            let by_hand = container.restarting_by_hand.load(Ordering::Relaxed);
            let restarts = !by_hand && !self.closing();
            let ExitRecord { code: exit_code, oom_killed, at } = record;
            let id = container.definition.short_id();
            let kept = self
                .change(container, |live| {
                    take_place_away(live);
                    take(live, Turn::Ended { exit_code, oom_killed, at }, id)?;
                    let policy = live.restart_policy(&container.definition);
                    match live.life.restart_after_end(policy).filter(|_| restarts) {
                        Some(pause) => take(live, Turn::Pausing { pause }, id),
                        None => Ok(()),
                    }
                })
                .await;
            match kept {
                Ok(live) => break live,
                Err(Error::Internal(why)) => {
                    tracing::error!("the end of {id} could not be kept, trying again: {why}");
                    tokio::time::sleep(KEEP_AGAIN_AFTER).await;
                }
                // It ended before by another way, or is gone.
                Err(_) => return None,
            }
        };
        if record.oom_killed && !oom_told {
            self.tell(container, &live, "oom", &[]);
        }
        let lasted = live.life.details.started_at.map_or(0, |from| record.at.seconds() - from.seconds()).max(0);
        let special = [("exitCode", record.code.to_string()), ("execDuration", lasted.to_string())];
        self.tell(container, &live, "die", &special);
        self.tell_network(container, "disconnect");
        Some(live)
    }

    fn restart_later(&self, container: Arc<Container>, live: &Live) {
        let engine = self.clone();
        let (pause, ends) = (live.life.pause, live.life.ends);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let same = container.now().is_ok_and(|live| live.life.ends == ends);
            if !same || engine.closing() {
                return;
            }
            if let Err(e) = engine.start(container.clone(), Reason::Policy).await {
                tracing::warn!("{} could not be restarted: {e}", container.definition.short_id());
            }
        });
    }

    pub(super) fn remove_automatically(&self, container: Arc<Container>) {
        let engine = self.clone();
        tokio::spawn(async move {
            match engine.remove(container.clone(), true).await {
                Ok(()) | Err(Error::NoSuchContainer(_) | Error::RemovalInProgress(_)) => {}
                Err(e) => tracing::warn!("{} could not be removed: {e}", container.definition.short_id()),
            }
        });
    }
}
