//! What is asked of a container.

use super::{ContainerConfig, EndpointSettings, HostConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Make a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateContainer {
    /// With or without a leading slash; `None` gets a made-up one.
    pub name: Option<String>,
    /// `linux/amd64`; `None` is the machine's own.
    pub platform: Option<String>,
    /// The half that travels.
    pub config: ContainerConfig,
    /// The half of this machine.
    pub host: HostConfig,
    /// The networks it is to be on, as the user named them; the one of the network mode needs no mention.
    #[serde(default)]
    pub networks: BTreeMap<String, EndpointSettings>,
}

/// A container was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// 64 hex digits.
    pub id: String,
    /// Sentences the user should see.
    pub warnings: Vec<String>,
}

/// How to stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// Seconds until SIGKILL; negative waits for ever; `None` takes the container's own, then 10.
    pub timeout: Option<i64>,
    /// Instead of the container's stop signal.
    pub signal: Option<String>,
}

/// How to remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Kill it first when it runs.
    pub force: bool,
    /// Its anonymous volumes too.
    pub volumes: bool,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// That it does not run; true at once for one that ended or never ran.
    #[default]
    NotRunning,
    /// Its next end.
    NextExit,
    /// That it is gone.
    Removed,
}

/// What came of waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitOutcome {
    /// As a shell would see it: 128 + n for signal n.
    pub exit_code: i64,
    /// Why the wait itself failed, such as a removal that did.
    pub error: Option<String>,
}
