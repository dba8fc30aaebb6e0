//! Running containers.

use crate::Timestamp;
use async_trait::async_trait;
use std::path::Path;

/// How a container's first process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitRecord {
    /// As a shell sees it: 128 + n for signal n.
    pub code: i64,
    /// The kernel ended it for want of memory.
    pub oom_killed: bool,
    /// When.
    pub at: Timestamp,
}

/// Why a container's process could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The program is not there: docker's 127.
    #[error("{0}")]
    NotFound(String),
    /// The program is there and cannot be run: docker's 126.
    #[error("{0}")]
    NotExecutable(String),
    /// Something else: docker's 128.
    #[error("{0}")]
    Other(String),
}

/// The runtime failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// There is no such process any more.
    #[error("the container's process is gone")]
    Gone,
    /// Its own words.
    #[error("{0}")]
    Failed(String),
}

/// What is true about a container that may have outlived an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Its monitor answers and its process runs.
    Running {
        /// The process.
        pid: i32,
        /// It stands still.
        frozen: bool,
    },
    /// It was made and never started, or its monitor is lost: it can only be taken away.
    Unusable,
    /// It ended.
    Ended(ExitRecord),
    /// There is no trace of it.
    Absent,
}

/// Runs containers. `bundle` is the directory with `config.json`; `id` is the container's.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Makes the container's first process, held before it runs anything, and the monitor that keeps its output in
    /// `log`. The process, in the machine's pid namespace. On failure nothing is left.
    ///
    /// # Errors
    /// In docker's words.
    async fn create(&self, id: &str, bundle: &Path, log: &Path) -> Result<i32, StartError>;

    /// Lets the process go.
    ///
    /// # Errors
    /// The runtime's words.
    async fn start(&self, id: &str) -> Result<(), RuntimeError>;

    /// Sends a signal to the first process.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended.
    async fn kill(&self, id: &str, signal: i32) -> Result<(), RuntimeError>;

    /// Freezes every process of the container; they stand still when this returns.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended.
    async fn pause(&self, id: &str) -> Result<(), RuntimeError>;

    /// Lets them go on. One that goes on already is fine.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended.
    async fn resume(&self, id: &str) -> Result<(), RuntimeError>;

    /// Gives a container these limits (`linux.resources` of the OCI specification); those not named stay.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended; the kernel's words. Some limits may have been set then.
    async fn update(&self, id: &str, resources: &serde_json::Value) -> Result<(), RuntimeError>;

    /// Kills what is left and removes the runtime's own state. Nothing left is fine.
    ///
    /// # Errors
    /// The runtime's words.
    async fn delete(&self, id: &str) -> Result<(), RuntimeError>;

    /// Resolves when the first process has ended and its output is in the log. `None` when the monitor was lost
    /// without a record.
    async fn wait(&self, bundle: &Path) -> Option<ExitRecord>;

    /// What is true about a container, asked once when the engine starts.
    async fn probe(&self, id: &str, bundle: &Path) -> Liveness;
}
