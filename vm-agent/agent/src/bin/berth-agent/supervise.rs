//! Keeps a program alive: starts it, and starts it again when it ends, later each time it ends soon.

use crate::console;
use crate::launch::{self, Launch};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pauses before the second, third, ... start; the last one stays.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// A program that ran this long is taken as sound: its end counts as the first.
const SOUND: Duration = Duration::from_secs(60);

/// A program's watchman.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Pid>,
    stopping: bool,
}

impl Supervisor {
    /// Runs until [`Supervisor::stop`]; `first` says how the first start went, `again` that another one follows.
    pub(crate) fn keep_alive(&self, launch: &Launch, first: impl FnOnce(std::io::Result<()>), again: impl Fn()) {
        let name = launch.program.name;
        let mut first = Some(first);
        let mut failures = 0;
        loop {
            let since = Instant::now();
            let started = {
                // Under the lock: a stop either comes before, and nothing starts, or finds the new process.
                let mut state = self.lock();
                if state.stopping {
                    return;
                }
                let started = launch::start(launch);
                state.running = started.as_ref().ok().and_then(|s| i32::try_from(s.child.id()).ok()).map(Pid::from_raw);
                started
            };
            let why = match started {
                Ok(started) => {
                    if let Some(first) = first.take() {
                        first(Ok(()));
                    }
                    let status = started.wait();
                    status.map_or_else(|| "ended unseen".to_owned(), describe)
                }
                Err(error) => {
                    let text = format!("cannot be started: {error}");
                    if let Some(first) = first.take() {
                        first(Err(error));
                    }
                    text
                }
            };
            let mut state = self.lock();
            state.running = None;
            self.changed.notify_all();
            if state.stopping {
                return;
            }
            failures = next_failures(failures, since.elapsed());
            let pause = pause(failures);
            console::say(&format!("the {name} {why}; it is started again in {} ms", pause.as_millis()));
            self.changed.wait_timeout_while(state, pause, |state| !state.stopping).map(drop).ok();
            again();
        }
    }

    /// Asks the engine to end and waits for it; after `grace` it is killed. Nothing is started any more.
    pub(crate) fn stop(&self, grace: Duration) {
        let mut state = self.lock();
        state.stopping = true;
        self.changed.notify_all();
        for (signal, wait) in [(Signal::SIGTERM, grace), (Signal::SIGKILL, Duration::from_secs(2))] {
            let Some(pid) = state.running else { return };
            if let Err(error) = kill(pid, signal) {
                console::say(&format!("a program cannot be sent {signal}: {error}"));
            }
            state = self
                .changed
                .wait_timeout_while(state, wait, |state| state.running.is_some())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many starts have failed in a row, after one more that lasted `ran`.
fn next_failures(failures: usize, ran: Duration) -> usize {
    if ran >= SOUND { 1 } else { failures.saturating_add(1) }
}

fn pause(failures: usize) -> Duration {
    PAUSES[failures.saturating_sub(1).min(PAUSES.len() - 1)]
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => format!("ended ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_seconds_and_a_sound_run_forgives() {
        let mut failures = 0;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            failures = next_failures(failures, Duration::from_secs(1));
            pauses.push(pause(failures));
        }
        assert!(pauses.is_sorted());
        assert_eq!(pauses[0], Duration::from_millis(100));
        assert_eq!(pauses[7], Duration::from_secs(10));
        assert_eq!(pause(next_failures(failures, SOUND)), Duration::from_millis(100));
        assert_eq!(pause(next_failures(usize::MAX, Duration::ZERO)), Duration::from_secs(10));
    }
}
