//! The states a machine goes through, as its user sees them.
//!
//! Pure: events in, states out. Whoever runs the machine feeds it and shows the result.

use crate::{End, Failure};
use serde::{Deserialize, Serialize};

/// What the machine does, as its user sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// No VM exists.
    #[default]
    Stopped,
    /// Booting.
    Starting {
        /// The name of the step being done.
        step: String,
    },
    /// The engine in the guest answers.
    Running,
    /// Shutting down in order.
    Stopping,
    /// The last start or run failed; no VM exists.
    Failed(Failure),
}

/// What happens to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user wants it.
    Start,
    /// A named step of the boot begins.
    Step(String),
    /// The engine in the guest answered.
    Ready,
    /// The user no longer wants it.
    Stop,
    /// The VM ended.
    Ended(End),
    /// Something failed, and the VM, if there was one, was killed.
    Fail(Failure),
}

/// An event that makes no sense in a state. The state stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} does not apply to a machine that is {state:?}")]
pub struct OutOfPlace {
    /// The state, unchanged.
    pub state: State,
    /// The event.
    pub event: Event,
}

/// The step shown between [`Event::Start`] and the first [`Event::Step`].
const FIRST_STEP: &str = "prepare";

impl State {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`OutOfPlace`], with the state as it was.
    pub fn after(self, event: Event) -> Result<Self, Box<OutOfPlace>> {
        use State::{Failed, Running, Starting, Stopped, Stopping};
        Ok(match (self, event) {
            (Stopped | Failed(_), Event::Start) => Starting { step: FIRST_STEP.into() },
            (Starting { .. }, Event::Step(step)) => Starting { step },
            (Starting { .. }, Event::Ready) => Running,
            (Starting { .. } | Running | Stopping, Event::Stop) => Stopping,
            (Stopped | Failed(_), Event::Stop) => Stopped,
            (Starting { .. } | Running | Stopping, Event::Fail(failure)) => Failed(failure),
            (Starting { .. } | Running | Stopping, Event::Ended(end)) => match end.failure() {
                Some(failure) => Failed(failure),
                None => Stopped,
            },
            (state, event) => return Err(Box::new(OutOfPlace { state, event })),
        })
    }

    /// Whether a VM exists in this state.
    #[must_use]
    pub const fn has_vm(&self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Running | Self::Stopping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn failure() -> Failure {
        Failure::new("booting", "no kernel", "install Berth again")
    }

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Start),
            "[a-z]{1,8}".prop_map(Event::Step),
            Just(Event::Ready),
            Just(Event::Stop),
            Just(Event::Ended(End::Orderly)),
            Just(Event::Ended(End::Killed)),
            Just(Event::Ended(End::Crashed { why: "panic".into(), console: vec!["bad".into()] })),
            Just(Event::Fail(failure())),
        ]
    }

    proptest! {
        #[test]
        fn any_history_leaves_a_machine_that_can_be_stopped_and_started(history in prop::collection::vec(events(), 0..40)) {
            let mut state = State::default();
            for event in history {
                let before = state.clone();
                state = match state.after(event.clone()) {
                    Ok(next) => {
                        // Running is reached from a boot only, and a failure is never overwritten by a late event.
                        let booting = matches!(before, State::Starting { .. });
                        prop_assert!(next != State::Running || booting);
                        prop_assert!(!matches!(before, State::Failed(_)) || matches!(event, Event::Start | Event::Stop));
                        // A VM comes into being by a start and by nothing else.
                        if next.has_vm() && !before.has_vm() { prop_assert_eq!(event, Event::Start); }
                        next
                    }
                    Err(refused) => {
                        prop_assert_eq!(&refused.state, &before);
                        before
                    }
                };
            }
            let stopped = match state.after(Event::Stop).unwrap() {
                State::Stopping => State::Stopping.after(Event::Ended(End::Orderly)).unwrap(),
                other => other,
            };
            prop_assert_eq!(&stopped, &State::Stopped);
            prop_assert!(stopped.after(Event::Start).unwrap().has_vm());
        }
    }

    #[test]
    fn a_crash_shows_the_last_line_of_the_console() {
        let crash = End::Crashed { why: "the kernel stopped".into(), console: vec!["a".into(), "Kernel panic".into()] };
        let State::Failed(failure) = State::Running.after(Event::Ended(crash)).unwrap() else { panic!("not failed") };
        assert!(failure.why.contains("Kernel panic"), "{failure}");
        assert!(failure.todo.contains("berth up"));
    }

    #[test]
    fn a_step_reported_after_a_stop_changes_nothing() {
        let refused = State::Stopping.after(Event::Step("engine".into())).unwrap_err();
        assert_eq!(refused.state, State::Stopping);
    }
}
