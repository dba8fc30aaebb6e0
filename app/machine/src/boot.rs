//! The named steps of a boot, their deadlines and how long each took.

use crate::Failure;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A step to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// A short stable name, such as `disk`, `hardware`, `kernel`, `engine`.
    pub name: &'static str,
    /// How long it may take.
    pub deadline: Duration,
    /// What the user can do when the deadline passes.
    pub todo: &'static str,
}

/// A step that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootStep {
    /// Its name.
    pub name: String,
    /// When it began, microseconds after the boot began.
    pub began_micros: u64,
    /// How long it took, microseconds; `None` while it goes on.
    pub took_micros: Option<u64>,
    /// Why it failed; `None` when it went well or goes on.
    pub failure: Option<Failure>,
}

type Observer = Box<dyn Fn(&[BootStep]) + Send + Sync>;

/// The steps of one boot in the order they began, reported to an observer at each change.
pub struct Timeline {
    began: Instant,
    steps: Vec<BootStep>,
    observer: Observer,
}

impl Timeline {
    /// A boot that begins now. `observer` is called from the task that boots, at each change, and must not block.
    pub fn new(observer: impl Fn(&[BootStep]) + Send + Sync + 'static) -> Self {
        Self { began: Instant::now(), steps: vec![], observer: Box::new(observer) }
    }

    /// The steps so far.
    #[must_use]
    pub fn steps(&self) -> &[BootStep] {
        &self.steps
    }

    /// Since the boot began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does one step: begins it, gives `work` its deadline, and records how it went.
    ///
    /// # Errors
    /// The failure of `work`, or one that says the step took too long. `work` is then dropped.
    pub async fn step<T>(&mut self, step: Step, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let began = Instant::now();
        self.push(step.name, began, None, None);
        let result = timeout(step.deadline, work).await.unwrap_or_else(|_| {
            let why = format!("it took longer than {:?}", step.deadline);
            Err(Failure::new(format!("the step \"{}\"", step.name), why, step.todo))
        });
        if let Some(last) = self.steps.last_mut() {
            last.took_micros = Some(micros(began.elapsed()));
            last.failure = result.as_ref().err().cloned();
        }
        (self.observer)(&self.steps);
        result
    }

    /// Adds a step that someone else did and measured, such as the guest, `began` after the boot did.
    pub fn record(&mut self, name: &str, began: Duration, took: Duration, failure: Option<Failure>) {
        self.push(name, self.began + began, Some(took), failure);
    }

    fn push(&mut self, name: &str, began: Instant, took: Option<Duration>, failure: Option<Failure>) {
        self.steps.push(BootStep {
            name: name.into(),
            began_micros: micros(began.duration_since(self.began)),
            took_micros: took.map(micros),
            failure,
        });
        (self.observer)(&self.steps);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    const STEP: Step = Step { name: "engine", deadline: Duration::from_secs(2), todo: "look at the console" };

    #[tokio::test(start_paused = true)]
    async fn a_step_is_seen_to_begin_and_to_end_with_its_time() {
        let seen = Arc::new(Mutex::new(vec![]));
        let sink = Arc::clone(&seen);
        let mut timeline = Timeline::new(move |steps| sink.lock().unwrap().push(steps.last().unwrap().took_micros));
        let work = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(7)
        };
        assert_eq!(timeline.step(STEP, work).await, Ok(7));
        assert_eq!(*seen.lock().unwrap(), [None, Some(300_000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_is_ended_and_says_what_to_do() {
        let mut timeline = Timeline::new(|_| {});
        let failure = timeline.step::<()>(STEP, std::future::pending()).await.unwrap_err();
        assert!(failure.to_string().contains("engine") && failure.to_string().contains("look at the console"));
        assert_eq!(timeline.steps()[0].failure, Some(failure));
    }
}
