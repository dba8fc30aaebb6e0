//! Waiting for containers.

use super::Engine;
use crate::{
    Result,
    container::{ContainerState, Live, WaitCondition, WaitOutcome},
    roster::Container,
};
use std::sync::Arc;
use tokio::sync::watch;

/// A wait that has begun.
pub struct ContainerWait {
    container: Arc<Container>,
    live: watch::Receiver<Option<Arc<Live>>>,
    condition: WaitCondition,
    ends: u64,
}

impl Engine {
    /// Begins to wait: when this returns, nothing that happens after is missed.
    ///
    /// # Errors
    /// No such container.
    pub async fn wait_container(&self, name: &str, condition: WaitCondition) -> Result<ContainerWait> {
        let container = self.inner.roster.find(name)?;
        let live = container.live.subscribe();
        let ends = container.now()?.life.ends;
        Ok(ContainerWait { container, live, condition, ends })
    }
}

impl ContainerWait {
    /// Resolves when the condition holds.
    pub async fn outcome(mut self) -> WaitOutcome {
        let outcome = |live: &Live| WaitOutcome { exit_code: live.life.details.exit_code, error: None };
        loop {
            let now = self.live.borrow_and_update().clone();
            let Some(live) = now else {
                return self.container.last().map_or(WaitOutcome { exit_code: 0, error: None }, outcome);
            };
            if self.holds(&live) {
                return outcome(&live);
            }
            if live.life.status() == ContainerState::Dead {
                let error = Some("the container could not be removed".to_owned());
                return WaitOutcome { error, ..outcome(&live) };
            }
            if self.live.changed().await.is_err() {
                return outcome(&live);
            }
        }
    }

    fn holds(&self, live: &Live) -> bool {
        match self.condition {
            WaitCondition::NotRunning => !live.life.runs() && live.life.status() != ContainerState::Restarting,
            WaitCondition::NextExit => live.life.ends > self.ends,
            WaitCondition::Removed => false,
        }
    }
}
