//! The machine's status as clients see it, made from what the port reports.

use berth_api::{Acceleration, BootStep, Code, MachineState, Problem, StepState};
use berth_machine::{Failure, boot, lifecycle};

/// What a step that ran out of time says it was; see [`boot::Timeline::step`].
const OUT_OF_TIME: &str = "it took longer than";

/// The problem that a failed step is, by the step's name.
pub(crate) fn problem(step: &str, failure: &Failure) -> Problem {
    let code = match step {
        _ if failure.why.starts_with(OUT_OF_TIME) => Code::BootTimeout,
        super::boot::HYPERVISOR => Code::HypervisorMissing,
        super::boot::IMAGE if failure.why.ends_with("is missing") => Code::GuestImageMissing,
        super::boot::IMAGE => Code::GuestImageDamaged,
        step if step.ends_with("disk") => Code::DataDisk,
        _ => Code::MachineFailed,
    };
    Problem::new(code, format!("{} failed: {}", failure.what, failure.why)).hint(failure.todo.clone())
}

/// The steps as clients see them.
pub(crate) fn steps(steps: &[boot::BootStep]) -> Vec<BootStep> {
    steps.iter().map(step).collect()
}

fn step(step: &boot::BootStep) -> BootStep {
    let state = match (&step.failure, step.took_micros) {
        (Some(_), _) => StepState::Failed,
        (None, Some(_)) => StepState::Done,
        (None, None) => StepState::Running,
    };
    BootStep {
        name: step.name.clone(),
        state,
        millis: step.took_micros.map(millis),
        error: step.failure.as_ref().map(|failure| problem(&step.name, failure)),
    }
}

/// Whole milliseconds, rounded up: a step that took something never shows 0.
pub(crate) fn millis(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(1000)).unwrap_or(u32::MAX)
}

pub(crate) fn state(state: &lifecycle::State) -> MachineState {
    match state {
        lifecycle::State::Stopped => MachineState::Stopped,
        lifecycle::State::Starting { .. } => MachineState::Starting,
        lifecycle::State::Running => MachineState::Running,
        lifecycle::State::Stopping => MachineState::Stopping,
        lifecycle::State::Failed(_) => MachineState::Failed,
    }
}

pub(crate) fn acceleration(acceleration: &berth_machine::Acceleration) -> Acceleration {
    let kind = match acceleration {
        berth_machine::Acceleration::Hardware { name, .. } => name.to_lowercase(),
        berth_machine::Acceleration::Software { .. } => "emulation".into(),
    };
    Acceleration { kind, why: acceleration.why().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_has_a_code_that_clients_can_match() {
        let failure = |why: &str| Failure::new("booting", why, "do this");
        assert_eq!(problem("kernel", &failure("it took longer than 30s")).code, Code::BootTimeout);
        assert_eq!(problem("guest-disk", &failure("it is not ext4")).code, Code::DataDisk);
        assert_eq!(problem("image", &failure("/x/vmlinux is missing")).code, Code::GuestImageMissing);
        let problem = problem("hardware", &failure("no memory"));
        assert_eq!((problem.code, problem.hint.as_deref()), (Code::MachineFailed, Some("do this")));
    }
}
