//! Stopping, killing and restarting containers.

use super::{Engine, start::Reason, take, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerState, Live, StopOptions, Turn},
    roster::Container,
    seam::RuntimeError,
    signal::{self, SIGKILL, SIGTERM},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::timeout;

/// Docker's time between asking and killing, seconds.
const STOP_TIMEOUT: i64 = 10;
/// A killed process is gone in milliseconds; one that is not hangs in the kernel.
const KILL_DEADLINE: Duration = Duration::from_secs(30);

impl Engine {
    /// Asks the process to end and kills it when it does not.
    ///
    /// # Errors
    /// Not modified when it does not run.
    pub async fn stop_container(&self, name: &str, options: StopOptions) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        to_the_end(async move { engine.stop(&container, options, true).await }).await
    }

    /// Stops if it runs, then starts.
    ///
    /// # Errors
    /// As stop and start.
    pub async fn restart_container(&self, name: &str, options: StopOptions) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        to_the_end(async move {
            container.restarting_by_hand.store(true, Ordering::Relaxed);
            let result = engine.stop_and_start(&container, options).await;
            container.restarting_by_hand.store(false, Ordering::Relaxed);
            result
        })
        .await
    }

    async fn stop_and_start(&self, container: &Arc<Container>, options: StopOptions) -> Result<()> {
        match self.stop(container, options, false).await {
            Ok(()) | Err(Error::AlreadyInState { .. }) => {}
            Err(e) => return Err(e),
        }
        self.start(container.clone(), Reason::Asked).await?;
        self.tell(container, &*container.now()?, "restart", &[]);
        Ok(())
    }

    /// Sends a signal (name with or without `SIG`, or number; `None` is SIGKILL). SIGKILL returns after the end.
    ///
    /// # Errors
    /// Conflict when it does not run.
    pub async fn kill_container(&self, name: &str, signal: Option<&str>) -> Result<()> {
        let wrap = |source: Error| Error::KillFailed { name: name.to_owned(), source: Box::new(source) };
        let signal = signal.filter(|signal| !signal.is_empty()).map_or(Ok(SIGKILL), signal::parse).map_err(wrap)?;
        let container = self.inner.roster.find(name).map_err(wrap)?;
        let engine = self.clone();
        to_the_end(async move { engine.kill(&container, signal).await }).await.map_err(wrap)
    }

    async fn kill(&self, container: &Container, signal: i32) -> Result<()> {
        let not_running = || Error::NotRunning(container.id().to_owned());
        let live = container.now()?;
        if !live.life.runs() {
            return Err(not_running());
        }
        // As docker: a container that is told to end is not started again by its policy.
        let ends = signal == SIGKILL || signal == stop_signal(container)?;
        if ends {
            self.ask_to_stop(container).await?;
        }
        if !self.signal(container, signal).await? {
            return Err(not_running());
        }
        if ends {
            self.thaw_to_end(container).await;
        }
        if signal == SIGKILL {
            self.killed(container, live.life.ends).await?;
        }
        Ok(())
    }

    /// `by_hand` is what `unless-stopped` remembers.
    pub(super) async fn stop(&self, container: &Container, options: StopOptions, by_hand: bool) -> Result<()> {
        let signal = options.signal.as_deref().filter(|signal| !signal.is_empty()).map(signal::parse).transpose()?;
        if self.call_off(container, by_hand).await? {
            return Ok(());
        }
        let live = container.now()?;
        if !live.life.runs() {
            return Err(Error::AlreadyInState { id: container.id().to_owned(), state: "stopped" });
        }
        if by_hand {
            self.ask_to_stop(container).await?;
        }
        let signal = signal.map_or_else(|| stop_signal(container), Ok)?;
        if self.signal(container, signal).await? {
            self.thaw_to_end(container).await;
            let seconds = options.timeout.or(container.definition.config.stop_timeout).unwrap_or(STOP_TIMEOUT);
            let ended = ended(container, live.life.ends);
            let in_time = match u64::try_from(seconds) {
                Ok(seconds) => timeout(Duration::from_secs(seconds), ended).await.is_ok(),
                Err(_) => {
                    ended.await;
                    true
                }
            };
            if !in_time {
                self.signal(container, SIGKILL).await?;
            }
        }
        self.killed(container, live.life.ends).await?;
        // It may have ended by itself before it was asked.
        match self.call_off(container, by_hand).await {
            Ok(_) | Err(Error::NoSuchContainer(_)) => {}
            Err(e) => return Err(e),
        }
        // One that was removed with its end has told that already.
        if let Ok(live) = container.now() {
            self.tell(container, &live, "stop", &[]);
        }
        Ok(())
    }

    /// Ends the pause before a restart; `false` where there is none. A start that is under way comes to its end first, and
    /// none begins meanwhile: it would take a pause that is over for an end.
    pub(super) async fn call_off(&self, container: &Container, by_hand: bool) -> Result<bool> {
        let _one_at_a_time = container.operation.lock().await;
        if container.now()?.life.status() != ContainerState::Restarting {
            return Ok(false);
        }
        let id = container.definition.short_id();
        let called_off = self.change(container, |live| {
            if by_hand {
                take(live, Turn::StopAsked, id)?;
            }
            take(live, Turn::RestartCalledOff, id)
        });
        called_off.await.map(|_| true)
    }

    /// Stops every container, each as its own stop signal says, all at once; those that have not ended after `grace`
    /// are killed. Restart policies start nothing any more.
    pub async fn shutdown(&self, grace: Duration) {
        self.inner.closing.store(true, Ordering::Relaxed);
        let seconds = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let stops = self.inner.roster.all().into_iter().map(|container| async move {
            let own = container.definition.config.stop_timeout.unwrap_or(STOP_TIMEOUT);
            let own = if own < 0 { seconds } else { own.min(seconds) };
            match self.stop(&container, StopOptions { timeout: Some(own), signal: None }, false).await {
                Ok(()) | Err(Error::AlreadyInState { .. } | Error::NoSuchContainer(_)) => {}
                Err(e) => tracing::warn!("{} could not be stopped: {e}", container.definition.short_id()),
            }
        });
        futures_util::future::join_all(stops).await;
        if let Err(e) = self.inner.seams.images.close().await {
            tracing::warn!("the images are looked at again at the next start: {e}");
        }
    }

    async fn ask_to_stop(&self, container: &Container) -> Result<()> {
        match self.turn(container, Turn::StopAsked).await {
            // It ended in between: there is nothing to remember.
            Ok(_) | Err(Error::Conflict(_)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Whether there was a process to send it to.
    async fn signal(&self, container: &Container, signal: i32) -> Result<bool> {
        match self.inner.seams.runtime.kill(container.id(), signal).await {
            Ok(()) => {
                if let Ok(live) = container.now() {
                    self.tell(container, &live, "kill", &[("signal", signal.to_string())]);
                }
                Ok(true)
            }
            Err(RuntimeError::Gone) => Ok(false),
            Err(RuntimeError::Failed(why)) => Err(Error::Internal(format!("could not send signal {signal}: {why}"))),
        }
    }

    /// Waits for an end that must come.
    pub(super) async fn killed(&self, container: &Container, ends: u64) -> Result<()> {
        timeout(KILL_DEADLINE, ended(container, ends)).await.map_err(|_| {
            Error::Internal(format!(
                "container {} did not end within {} seconds of being killed",
                container.definition.short_id(),
                KILL_DEADLINE.as_secs()
            ))
        })
    }
}

/// Resolves when the container has ended more often than that, or is gone.
async fn ended(container: &Container, ends: u64) {
    let mut live = container.live.subscribe();
    let over = |live: &Option<Arc<Live>>| live.as_ref().is_none_or(|live| live.life.ends > ends);
    // The sender lives in the container, which is borrowed: it does not close.
    drop(live.wait_for(over).await);
}

fn stop_signal(container: &Container) -> Result<i32> {
    container.definition.config.stop_signal.as_deref().map_or(Ok(SIGTERM), signal::parse)
}
