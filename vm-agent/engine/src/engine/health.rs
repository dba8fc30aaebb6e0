//! Asking containers whether they are well.

use super::Engine;
use crate::{
    container::{ContainerState, Definition, Health, Life, Live, Probe, Schedule},
    exec::CommandOutcome,
    roster::Container,
};
use std::{convert::Infallible, sync::Arc, time::Duration};

impl Engine {
    /// Runs a running container's checks, as long as this is polled. One without a check costs nothing.
    pub(super) async fn mind_health(&self, container: &Container) -> Infallible {
        let Some(schedule) = Schedule::of(container.definition.config.healthcheck.as_ref()) else {
            return std::future::pending().await;
        };
        loop {
            let live = running(container).await;
            let due = self.until_due(&live, &schedule);
            // A frozen container can answer nothing: what was going on does not count, as in docker.
            let probe = tokio::select! {
                probe = async {
                    tokio::time::sleep(due).await;
                    self.probe(container, &schedule).await
                } => probe,
                () = stands_still(container) => continue,
            };
            self.probed(container, probe, &schedule).await;
        }
    }

    fn until_due(&self, live: &Live, schedule: &Schedule) -> Duration {
        let details = &live.life.details;
        let age = details.started_at.map_or(0, |at| self.inner.seams.clock.now().0.saturating_sub(at.0));
        let age = Duration::from_nanos(u64::try_from(age).unwrap_or(0));
        let status = details.health.as_ref().map(|health| health.status);
        status.map_or(age, |status| schedule.pause(age, status))
    }

    async fn probe(&self, container: &Container, schedule: &Schedule) -> Probe {
        let start = self.inner.seams.clock.now();
        match self.run_command(container.id(), schedule.argv.clone(), schedule.timeout).await {
            Ok(outcome) => result(outcome, schedule.timeout),
            Err(e) => Probe { start, end: self.inner.seams.clock.now(), exit_code: -1, output: e.to_string() },
        }
    }

    /// A new verdict is kept and told; the same one again is only remembered, since checks come often and a write
    /// costs the disk.
    async fn probed(&self, container: &Container, probe: Probe, schedule: &Schedule) {
        let Ok(live) = container.now() else { return };
        let started = live.life.details.started_at;
        let mut health = live.life.details.health.clone().unwrap_or_else(|| Health::at_start(None));
        let before = health.status;
        health.probed(probe, schedule, started);
        let verdict = health.status;
        let set = move |live: &mut Live| {
            // It may have ended, or stand still, in the meantime.
            if live.life.status() == ContainerState::Running {
                live.life.details.health = Some(health);
            }
            Ok(())
        };
        let set =
            if verdict == before { self.remember(container, set).await } else { self.change(container, set).await };
        match set {
            Ok(live) if verdict != before => self.tell(container, &live, &format!("health_status: {verdict}"), &[]),
            Ok(_) => {}
            Err(e) => tracing::warn!("the health of {} could not be kept: {e}", container.definition.short_id()),
        }
    }
}

/// At a start: a container with a check is starting, one without has no health.
pub(super) fn begin(life: &mut Life, definition: &Definition) {
    let details = &mut life.details;
    let checked = Schedule::of(definition.config.healthcheck.as_ref()).is_some();
    details.health = checked.then(|| Health::at_start(details.health.take()));
}

/// Resolves when its processes run.
async fn running(container: &Container) -> Arc<Live> {
    let mut live = container.live.subscribe();
    let runs = |live: &Option<Arc<Live>>| live.as_ref().is_some_and(|l| l.life.status() == ContainerState::Running);
    let found = live.wait_for(runs).await.ok().and_then(|live| live.clone());
    match found {
        Some(live) => live,
        None => std::future::pending().await,
    }
}

/// Resolves when they do not.
async fn stands_still(container: &Container) {
    let mut live = container.live.subscribe();
    let still = |live: &Option<Arc<Live>>| live.as_ref().is_none_or(|l| l.life.status() != ContainerState::Running);
    // The sender lives in the container, which is borrowed: it does not close.
    drop(live.wait_for(still).await);
}

/// Docker's result of a check (moby `cmdProbe.run`).
fn result(outcome: CommandOutcome, limit: Duration) -> Probe {
    let CommandOutcome { exit_code, output, truncated, started_at: start, ended_at: end } = outcome;
    let mut text = String::from_utf8_lossy(&output).into_owned();
    if truncated {
        text.push_str("...");
    }
    match exit_code {
        Some(exit_code) => Probe { start, end, exit_code, output: text },
        None => {
            let said = if text.is_empty() { String::new() } else { format!(": {text}") };
            let output = format!("Health check exceeded timeout ({}){said}", go_duration(limit));
            Probe { start, end, exit_code: -1, output }
        }
    }
}

/// As Go prints a duration: `1m30s`, `500ms`.
fn go_duration(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    if seconds == 0 {
        return format!("{millis}ms");
    }
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}").trim_end_matches('0').to_owned() };
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}{fraction}s"),
        (0, m, s) => format!("{m}m{s}{fraction}s"),
        (h, m, s) => format!("{h}h{m}m{s}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn results_are_told_in_dockers_words() {
        let at = Timestamp(0);
        let outcome = |exit_code, output: &str, truncated| CommandOutcome {
            exit_code,
            output: output.as_bytes().to_vec(),
            truncated,
            started_at: at,
            ended_at: at,
        };
        let limit = Duration::from_secs(90);
        assert_eq!(result(outcome(Some(3), "no", true), limit).output, "no...");
        let late = result(outcome(None, "half", false), limit);
        assert_eq!((late.exit_code, late.output.as_str()), (-1, "Health check exceeded timeout (1m30s): half"));
        assert_eq!(result(outcome(None, "", false), limit).output, "Health check exceeded timeout (1m30s)");
        for (millis, text) in [(500, "500ms"), (1000, "1s"), (1500, "1.5s"), (3_600_000, "1h0m0s")] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
