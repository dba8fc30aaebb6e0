//! The life of a container as a pure state machine: what may follow what, and what is remembered.

use super::{ContainerState, RestartPolicy, StateDetails};
use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Docker's first pause before a restart; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Docker's longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A container that ran so long is well: the pauses begin anew.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// Docker's exit code of a container whose end nobody saw.
pub(crate) const UNSEEN_EXIT: i64 = 255;

/// Where a container is in its life, with everything that decides what comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    /// What clients see.
    pub(crate) details: StateDetails,
    /// How often the restart policy started it since a person did.
    pub(crate) restarts: u32,
    /// A person stopped it: `unless-stopped` leaves it so.
    pub(crate) stopped_by_hand: bool,
    /// How often it has ended: a waiter for the next end compares.
    pub(crate) ends: u64,
    /// The pause before the last restart.
    pub(crate) pause: Duration,
}

/// Something that happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Its process runs.
    Started { pid: i32, at: Timestamp, by_policy: bool },
    /// Its process could not be started.
    StartFailed { exit_code: i64, why: String },
    /// Its process ended.
    Ended { exit_code: i64, oom_killed: bool, at: Timestamp },
    /// The kernel killed one of its processes for want of memory.
    OutOfMemory,
    /// Its processes stand still.
    Frozen,
    /// They go on.
    Thawed,
    /// It ended and the restart policy will start it after this pause.
    Pausing { pause: Duration },
    /// A pending restart was called off, or the machine went down during one.
    RestartCalledOff,
    /// A person asked it to stop.
    StopAsked,
    /// It is being taken apart.
    Removing,
    /// Taking it apart failed half-way.
    RemovalFailed,
}

/// The turn cannot follow the state the container is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) ContainerState);

impl Life {
    /// A container that was just made.
    pub(crate) fn new() -> Self {
        Self {
            details: StateDetails {
                status: ContainerState::Created,
                pid: 0,
                exit_code: 0,
                error: String::new(),
                oom_killed: false,
                started_at: None,
                finished_at: None,
                health: None,
            },
            restarts: 0,
            stopped_by_hand: false,
            ends: 0,
            pause: Duration::ZERO,
        }
    }

    /// The state.
    pub(crate) fn status(&self) -> ContainerState {
        self.details.status
    }

    /// Its process runs (or is frozen).
    pub(crate) fn runs(&self) -> bool {
        matches!(self.status(), ContainerState::Running | ContainerState::Paused)
    }

    /// The life after a turn.
    pub(crate) fn after(&self, turn: Turn) -> Result<Self, Refused> {
        use ContainerState as S;
        let mut next = self.clone();
        let details = &mut next.details;
        match (turn, self.status()) {
            (Turn::Started { pid, at, by_policy }, S::Created | S::Exited | S::Restarting) => {
                details.status = S::Running;
                details.pid = pid;
                details.started_at = Some(at);
                details.exit_code = 0;
                details.oom_killed = false;
                details.error.clear();
                next.stopped_by_hand = false;
                next.restarts = if by_policy { self.restarts.saturating_add(1) } else { 0 };
            }
            (Turn::StartFailed { exit_code, why }, S::Created | S::Exited | S::Restarting) => {
                if self.status() == S::Restarting {
                    details.status = S::Exited;
                }
                details.exit_code = exit_code;
                details.error = why;
            }
            (Turn::Ended { exit_code, oom_killed, at }, S::Running | S::Paused) => {
                details.status = S::Exited;
                details.pid = 0;
                details.exit_code = exit_code;
                details.oom_killed |= oom_killed;
                details.finished_at = Some(at);
                unwatched(details);
                next.ends += 1;
            }
            (Turn::OutOfMemory, S::Running | S::Paused) => details.oom_killed = true,
            (Turn::Frozen, S::Running) => {
                details.status = S::Paused;
                unwatched(details);
            }
            (Turn::Thawed, S::Paused) => details.status = S::Running,
            (Turn::Pausing { pause }, S::Exited) => {
                details.status = S::Restarting;
                next.pause = pause;
            }
            (Turn::RestartCalledOff, S::Restarting) => details.status = S::Exited,
            (Turn::StopAsked, S::Running | S::Paused | S::Restarting) => next.stopped_by_hand = true,
            (Turn::Removing, S::Created | S::Exited | S::Dead) => details.status = S::Removing,
            (Turn::RemovalFailed, S::Removing) => details.status = S::Dead,
            (_, status) => return Err(Refused(status)),
        }
        Ok(next)
    }

    /// After an end: the pause until the restart policy starts it again, or `None`.
    pub(crate) fn restart_after_end(&self, policy: RestartPolicy) -> Option<Duration> {
        if self.status() != ContainerState::Exited || self.stopped_by_hand || !self.policy_wants(policy) {
            return None;
        }
        let ran = match (self.details.started_at, self.details.finished_at) {
            (Some(Timestamp(from)), Some(Timestamp(to))) => {
                Duration::from_nanos(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
            }
            _ => Duration::ZERO,
        };
        let fresh = ran >= WELL_AFTER || self.pause.is_zero();
        Some(if fresh { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) })
    }

    /// At the engine's start: whether the restart policy starts it. One that never ran stays as it is.
    pub(crate) fn restart_at_boot(&self, policy: RestartPolicy) -> bool {
        self.status() == ContainerState::Exited && self.details.started_at.is_some() && self.policy_wants(policy)
    }

    fn policy_wants(&self, policy: RestartPolicy) -> bool {
        match policy {
            RestartPolicy::No => false,
            RestartPolicy::OnFailure(most) => self.details.exit_code != 0 && (most == 0 || self.restarts < most),
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !self.stopped_by_hand,
        }
    }
}

fn unwatched(details: &mut StateDetails) {
    if let Some(health) = &mut details.health {
        health.unwatched();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turn() -> impl Strategy<Value = Turn> {
        prop_oneof![
            (1..9999i32, 0..100_000_000_000i64, any::<bool>()).prop_map(|(pid, at, by_policy)| Turn::Started {
                pid,
                at: Timestamp(at),
                by_policy
            }),
            Just(Turn::StartFailed { exit_code: 127, why: "no such file".into() }),
            (0..256i64, any::<bool>(), 0..100_000_000_000i64).prop_map(|(exit_code, oom_killed, at)| Turn::Ended {
                exit_code,
                oom_killed,
                at: Timestamp(at)
            }),
            Just(Turn::OutOfMemory),
            Just(Turn::Frozen),
            Just(Turn::Thawed),
            Just(Turn::Pausing { pause: FIRST_PAUSE }),
            Just(Turn::RestartCalledOff),
            Just(Turn::StopAsked),
            Just(Turn::Removing),
            Just(Turn::RemovalFailed),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_the_life_makes_sense(turns in proptest::collection::vec(turn(), 0..60)) {
            let mut life = Life::new();
            let (mut starts, mut ends) = (0u64, 0u64);
            for turn in turns {
                let Ok(next) = life.after(turn.clone()) else { continue };
                match turn {
                    Turn::Started { .. } => starts += 1,
                    Turn::Ended { .. } => ends += 1,
                    _ => {}
                }
                prop_assert_eq!(next.runs(), next.details.pid != 0, "a pid exactly while it runs");
                prop_assert_eq!(next.ends, ends);
                prop_assert!(starts - ends <= 1 && (starts - ends == 1) == next.runs(), "each start ends once");
                prop_assert!(life.status() != ContainerState::Removing || next.status() == ContainerState::Dead, "no way back from removal");
                prop_assert!(!(next.stopped_by_hand && next.restart_after_end(RestartPolicy::Always).is_some()));
                life = next;
            }
        }
    }

    fn ended(policy_restarts: u32, exit_code: i64, ran: Duration) -> Life {
        let mut life = Life::new();
        for n in 0..=policy_restarts {
            let at = Timestamp(0);
            life = life.after(Turn::Started { pid: 1, at, by_policy: n > 0 }).unwrap();
            let end = Timestamp(i64::try_from(ran.as_nanos()).unwrap());
            life = life.after(Turn::Ended { exit_code, oom_killed: false, at: end }).unwrap();
        }
        life
    }

    #[test]
    fn a_failing_container_is_restarted_as_often_as_asked() {
        let policy = RestartPolicy::OnFailure(2);
        assert!(ended(0, 1, Duration::ZERO).restart_after_end(policy).is_some());
        assert!(ended(1, 1, Duration::ZERO).restart_after_end(policy).is_some());
        assert!(ended(2, 1, Duration::ZERO).restart_after_end(policy).is_none());
        assert!(ended(0, 0, Duration::ZERO).restart_after_end(policy).is_none());
        assert!(ended(9, 1, Duration::ZERO).restart_after_end(RestartPolicy::OnFailure(0)).is_some());
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_good_run() {
        let mut life = ended(0, 1, Duration::ZERO);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let pause = life.restart_after_end(RestartPolicy::Always).unwrap();
            pauses.push(pause.as_millis());
            life.pause = pause;
        }
        assert_eq!(pauses[..4], [100, 200, 400, 800]);
        assert_eq!(pauses[11], 60_000);
        life.details.finished_at = Some(Timestamp(11_000_000_000));
        assert_eq!(life.restart_after_end(RestartPolicy::Always), Some(FIRST_PAUSE));
    }

    #[test]
    fn a_boot_starts_what_its_policy_wants_and_nothing_that_never_ran() {
        let mut life = ended(0, 0, Duration::ZERO);
        assert!(life.restart_at_boot(RestartPolicy::Always) && life.restart_at_boot(RestartPolicy::UnlessStopped));
        assert!(!life.restart_at_boot(RestartPolicy::No) && !life.restart_at_boot(RestartPolicy::OnFailure(0)));
        life.stopped_by_hand = true;
        assert!(life.restart_at_boot(RestartPolicy::Always) && !life.restart_at_boot(RestartPolicy::UnlessStopped));
        assert!(!Life::new().restart_at_boot(RestartPolicy::Always));
    }
}
