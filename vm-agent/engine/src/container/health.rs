//! Whether a container is well.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// Nothing checks any more. Docker calls that unhealthy, and so do its clients.
    pub(crate) fn unwatched(&mut self) {
        self.status = HealthStatus::Unhealthy;
    }
}
