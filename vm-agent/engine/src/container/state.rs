//! The states of a container.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Made, never started (or its start failed).
    Created,
    /// Its process runs.
    Running,
    /// Frozen.
    Paused,
    /// Ended, and the restart policy will start it again after a pause.
    Restarting,
    /// Ended.
    Exited,
    /// Being taken apart.
    Removing,
    /// A removal failed half-way; only another removal helps.
    Dead,
}

impl ContainerState {
    /// Docker's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ContainerState {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Created,
            Self::Running,
            Self::Paused,
            Self::Restarting,
            Self::Exited,
            Self::Removing,
            Self::Dead,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| crate::Error::InvalidParameter(format!("invalid value for state ({text}): must be one of created, running, paused, restarting, removing, exited, dead")))
    }
}
