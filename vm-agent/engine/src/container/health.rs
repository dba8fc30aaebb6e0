//! Whether a container is well, as a pure state machine (moby `daemon/health.go`).

use super::Healthcheck;
use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Docker keeps as many results.
const KEPT: usize = 5;
/// Docker's settings where the check has none.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;

/// What the checks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Nothing yet.
    Starting,
    /// The last check went well.
    Healthy,
    /// As many in a row as allowed did not; or nothing checks any more, since it does not run.
    Unhealthy,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// The health of a container that has a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What the checks say.
    pub status: HealthStatus,
    /// Failures since the last success.
    pub failing_streak: u32,
    /// The last results, oldest first.
    pub log: Vec<Probe>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// 0 is well; -1 for one that could not be run or took too long.
    pub exit_code: i64,
    /// What it printed, or why it could not be run.
    pub output: String,
}

impl Health {
    /// At a start: nothing is known, and the earlier results are kept to be looked at.
    pub(crate) fn at_start(earlier: Option<Self>) -> Self {
        let log = earlier.map(|health| health.log).unwrap_or_default();
        Self { status: HealthStatus::Starting, failing_streak: 0, log }
    }

    /// Nothing checks any more. Docker calls that unhealthy, and so do its clients.
    pub(crate) fn unwatched(&mut self) {
        self.status = HealthStatus::Unhealthy;
    }

    /// A check has ended. `started` is when the container did.
    pub(crate) fn probed(&mut self, probe: Probe, schedule: &Schedule, started: Option<Timestamp>) {
        let age = started.map_or(i64::MAX, |started| probe.start.0.saturating_sub(started.0));
        let starting = self.status == HealthStatus::Starting && nanos(schedule.start_period) > age;
        if probe.exit_code == 0 {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if !starting {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= schedule.retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.log.push(probe);
        let excess = self.log.len().saturating_sub(KEPT);
        self.log.drain(..excess);
    }
}

/// What to run, and when; nothing left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The command, a shell's included.
    pub(crate) argv: Vec<String>,
    pub(crate) timeout: Duration,
    interval: Duration,
    start_period: Duration,
    start_interval: Duration,
    retries: u32,
}

impl Schedule {
    /// `None` for a container without a check, and for one whose check is `NONE`.
    pub(crate) fn of(check: Option<&Healthcheck>) -> Option<Self> {
        let check = check?;
        let (kind, words) = check.test.split_first()?;
        let argv = match kind.as_str() {
            "CMD" if !words.is_empty() => words.to_vec(),
            "CMD-SHELL" if !words.is_empty() => {
                ["/bin/sh", "-c"].map(str::to_owned).into_iter().chain(words.iter().cloned()).collect()
            }
            _ => return None,
        };
        Some(Self {
            argv,
            timeout: check.timeout.unwrap_or(TIMEOUT),
            interval: check.interval.unwrap_or(INTERVAL),
            start_period: check.start_period.unwrap_or(Duration::ZERO),
            start_interval: check.start_interval.unwrap_or(START_INTERVAL),
            retries: check.retries.unwrap_or(RETRIES),
        })
    }

    /// The pause before the next check of a container of this age: one falls on the end of the start period.
    pub(crate) fn pause(&self, age: Duration, status: HealthStatus) -> Duration {
        match self.start_period.checked_sub(age) {
            None | Some(Duration::ZERO) => self.interval,
            Some(_) if status == HealthStatus::Starting => self.start_interval,
            Some(left) => left.min(self.interval),
        }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(start_period: u64, retries: u32) -> Schedule {
        let check = Healthcheck {
            test: vec!["CMD".into(), "true".into()],
            interval: Some(Duration::from_secs(10)),
            start_period: Some(Duration::from_secs(start_period)),
            start_interval: Some(Duration::from_secs(1)),
            retries: Some(retries),
            ..Healthcheck::default()
        };
        Schedule::of(Some(&check)).unwrap()
    }

    fn probe(second: i64, exit_code: i64) -> Probe {
        let at = Timestamp(second * 1_000_000_000);
        Probe { start: at, end: at, exit_code, output: String::new() }
    }

    #[test]
    fn failures_count_after_the_start_period_or_the_first_success() {
        let schedule = schedule(30, 2);
        let mut health = Health::at_start(None);
        let mut says = |second, code| {
            health.probed(probe(second, code), &schedule, Some(Timestamp(0)));
            (health.status, health.failing_streak)
        };
        assert_eq!(says(1, 1), (HealthStatus::Starting, 0));
        assert_eq!(says(5, 1), (HealthStatus::Starting, 0));
        assert_eq!(says(31, 1), (HealthStatus::Starting, 1));
        assert_eq!(says(32, -1), (HealthStatus::Unhealthy, 2));
        assert_eq!(says(33, 0), (HealthStatus::Healthy, 0));
        assert_eq!(says(34, 1), (HealthStatus::Healthy, 1));
        let mut fresh = Health::at_start(Some(health));
        assert_eq!((fresh.status, fresh.log.len()), (HealthStatus::Starting, 5));
        fresh.probed(probe(1, 0), &schedule, Some(Timestamp(0)));
        fresh.probed(probe(2, 1), &schedule, Some(Timestamp(0)));
        assert_eq!((fresh.status, fresh.failing_streak), (HealthStatus::Healthy, 1), "it has been well before");
    }

    #[test]
    fn checks_are_close_at_the_start_and_one_falls_on_its_end() {
        let schedule = schedule(30, 3);
        let pause = |age, status| schedule.pause(Duration::from_secs(age), status).as_secs();
        assert_eq!(pause(0, HealthStatus::Starting), 1);
        assert_eq!(pause(5, HealthStatus::Healthy), 10);
        assert_eq!(pause(25, HealthStatus::Healthy), 5);
        assert_eq!(pause(30, HealthStatus::Starting), 10);
        assert_eq!(
            super::Schedule { start_period: Duration::ZERO, ..schedule }
                .pause(Duration::ZERO, HealthStatus::Starting)
                .as_secs(),
            10
        );
    }

    #[test]
    fn a_check_is_a_command_a_shell_line_or_none() {
        let of = |test: &[&str]| {
            let test = test.iter().map(|word| (*word).to_owned()).collect();
            Schedule::of(Some(&Healthcheck { test, ..Healthcheck::default() }))
        };
        assert_eq!(of(&["CMD-SHELL", "true"]).unwrap().argv, ["/bin/sh", "-c", "true"]);
        assert_eq!(of(&["CMD", "a", "b"]).unwrap().argv, ["a", "b"]);
        assert_eq!(of(&["CMD", "a"]).unwrap().retries, 3);
        for none in [&[][..], &["NONE"], &["CMD"], &["OTHER", "x"]] {
            assert_eq!(of(none), None);
        }
    }

    proptest! {
        #[test]
        fn the_log_is_short_and_the_streak_is_what_it_says(codes in proptest::collection::vec(-1..3i64, 0..40)) {
            let schedule = schedule(0, 3);
            let mut health = Health::at_start(None);
            for (second, code) in (0..).zip(codes) {
                health.probed(probe(second, code), &schedule, Some(Timestamp(0)));
                prop_assert!(health.log.len() <= 5);
                prop_assert_eq!(health.failing_streak == 0, code == 0);
                prop_assert!(health.failing_streak < 3 || health.status == HealthStatus::Unhealthy);
            }
        }
    }
}
