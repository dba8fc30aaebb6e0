//! The record of the boot: what was done, how long it took, what failed.

use crate::{clock, console};
use berth_protocol::control::{Report, Step};
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The record.
#[derive(Debug)]
pub(crate) struct Steps {
    kernel: Duration,
    done: Mutex<Vec<Step>>,
    engine_restarts: AtomicU32,
}

impl Steps {
    /// An empty record of a PID 1 that began `kernel` after the kernel.
    pub(crate) fn new(kernel: Duration) -> Self {
        Self { kernel, done: Mutex::default(), engine_restarts: AtomicU32::new(0) }
    }

    /// Runs one step, times it, says how it went. `None` when it failed.
    pub(crate) fn run<T, E: Error>(&self, name: &str, work: impl FnOnce() -> Result<T, E>) -> Option<T> {
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let error = result.as_ref().err().map(|error| console::chain(error));
        let at = clock::since_kernel_start().as_secs_f64();
        let millis = took.as_secs_f64() * 1e3;
        match &error {
            None => console::say(&format!("{at:.3} {name} done in {millis:.1} ms")),
            Some(why) => console::say(&format!("{at:.3} {name} FAILED after {millis:.1} ms: {why}")),
        }
        let step = Step { name: name.into(), micros: micros(took), error };
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        result.ok()
    }

    /// Notes that the engine had to be started again.
    pub(crate) fn engine_restarted(&self) {
        self.engine_restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything so far, for the host.
    pub(crate) fn report(&self) -> Report {
        Report {
            agent: env!("CARGO_PKG_VERSION").into(),
            kernel: nix::sys::utsname::uname()
                .map(|name| name.release().to_string_lossy().into_owned())
                .unwrap_or_default(),
            kernel_micros: micros(self.kernel),
            steps: self.done.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            engine_restarts: self.engine_restarts.load(Ordering::Relaxed),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_stays_in_the_report_with_its_causes() {
        let steps = Steps::new(Duration::from_millis(3));
        assert_eq!(steps.run("good", || Ok::<_, std::io::Error>(7)), Some(7));
        assert_eq!(steps.run("bad", || Err::<(), _>(std::io::Error::other("no disk"))), None);
        let report = steps.report();
        assert_eq!(report.kernel_micros, 3000);
        assert_eq!(
            report.steps.iter().map(|s| (s.name.as_str(), s.error.as_deref())).collect::<Vec<_>>(),
            [("good", None), ("bad", Some("no disk"))]
        );
    }
}
