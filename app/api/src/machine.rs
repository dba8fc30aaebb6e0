//! The machine as berthd reports it under `/berth/v1`.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};

/// What a command says that needs a machine which is not running.
pub const STOPPED_TEXT: &str = "the Berth machine is stopped; start it with: berth up";

/// The whole state of the machine; also one line of `GET /berth/v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct MachineStatus {
    /// Where it is in its life.
    pub state: MachineState,
    /// The steps of the last start, in order; empty before the first.
    pub steps: Vec<BootStep>,
    /// How the guest's instructions are run; known once the VM step is done.
    pub acceleration: Option<Acceleration>,
    /// Version of berthd.
    pub version: String,
    /// Version of the engine in the guest; known once it answers.
    pub engine_version: Option<String>,
    /// `uname -r` of the guest; known once the agent answers.
    pub kernel: Option<String>,
    /// Milliseconds from the start of the VM to an answered API ping; known once running.
    pub boot_millis: Option<u32>,
    /// Why it is failed.
    pub error: Option<Problem>,
    /// What to give to docker as `-H` or `DOCKER_HOST`.
    pub docker_host: String,
    /// The folder that holds all state.
    pub home: String,
}

/// Where the machine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// Not started, or stopped in order.
    Stopped,
    /// On its way up.
    Starting,
    /// The engine answers.
    Running,
    /// On its way down.
    Stopping,
    /// It could not start or it died; `error` says why. It can be started again.
    Failed,
}

impl std::fmt::Display for MachineState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        })
    }
}

/// One step of a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct BootStep {
    /// Stable name: `image`, `disk`, `vm`, `kernel`, `modules`, `network`, `engine`, `api`; translations key on it.
    /// The guest's own steps carry the prefix `guest-`.
    pub name: String,
    /// How far it is.
    pub state: StepState,
    /// What it took, milliseconds; while it runs, what it has taken so far.
    pub millis: Option<u32>,
    /// Why it failed.
    pub error: Option<Problem>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Over, well.
    Done,
    /// Over, badly.
    Failed,
}

/// How the guest's instructions are run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Acceleration {
    /// `kvm`, `hvf`, `hyper-v` or `emulation`.
    pub kind: String,
    /// Why this one was chosen, one sentence.
    pub why: String,
}

impl MachineStatus {
    /// What is known when no berthd answers: stopped.
    #[must_use]
    pub fn stopped(home: &crate::BerthHome) -> Self {
        Self {
            state: MachineState::Stopped,
            steps: Vec::new(),
            acceleration: None,
            version: crate::VERSION.into(),
            engine_version: None,
            kernel: None,
            boot_millis: None,
            error: None,
            docker_host: home.docker_host(),
            home: home.root().display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_kebab_case() {
        let status = MachineStatus::stopped(&crate::BerthHome::at("/tmp/h"));
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["state"], "stopped");
        assert_eq!(serde_json::to_value(StepState::Running).unwrap(), "running");
        assert_eq!(serde_json::from_value::<MachineStatus>(json).unwrap(), status);
    }
}
