//! Running containers.

use crate::{
    Timestamp,
    log::{LogTarget, Stdio},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::{io, path::Path};

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

/// How to be part of a process's standard streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachRequest {
    /// Sends input.
    pub input: bool,
    /// The process's input ends with this client's, or when it goes away without a word.
    pub close_input: bool,
    /// Gets standard output; everything of a terminal.
    pub stdout: bool,
    /// Gets standard error.
    pub stderr: bool,
    /// Gets the beginnings of lines first that are not in the log yet.
    pub pending: bool,
    /// Gets every byte: the process waits for it when it must. Without, one that is a mebibyte behind is disconnected.
    pub lossless: bool,
}

/// Output as it comes; its end is that of the process, or of the connection to it.
pub type ProcessOutput = BoxStream<'static, io::Result<(Stdio, Bytes)>>;

/// Both ways of an attachment.
pub struct Attached {
    /// What was written before that is in the log, up to a beginning of a line; what comes after is in `output`.
    pub at: Timestamp,
    /// What it writes.
    pub output: ProcessOutput,
    /// What it reads.
    pub input: Box<dyn ProcessInput>,
}

/// Standard input of a process. Dropped, it is left as it is, or ended when that was asked for.
#[async_trait]
pub trait ProcessInput: Send {
    /// Writes all of `bytes`; waits while the process does not read.
    ///
    /// # Errors
    /// When the process has ended.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Ends it behind what was written, when it was to end with this client's.
    ///
    /// # Errors
    /// When the process has ended.
    async fn close(&mut self) -> io::Result<()>;
}

/// Runs containers. `bundle` is the directory with `config.json`; `id` is the container's.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Makes a user namespace in which ids from 0 on are those from `first` on outside, and a network namespace that it
    /// owns, named by two files. On failure neither is left.
    ///
    /// # Errors
    /// The runtime's words.
    async fn pin_users(&self, first: u32, users: &Path, network: &Path) -> Result<(), RuntimeError>;

    /// Mounts the directory `source` on the directory `target`, with ids as in the user namespace named by `users`.
    ///
    /// # Errors
    /// The runtime's words.
    async fn bind_mapped(&self, users: &Path, source: &Path, target: &Path) -> Result<(), RuntimeError>;

    /// Makes the container's first process, held before it runs anything, and the monitor that keeps its output in
    /// `log`, if anywhere, and, with `open_input`, its input open. The process, in the machine's pid namespace. On failure
    /// nothing is left.
    ///
    /// # Errors
    /// In docker's words.
    async fn create(
        &self,
        id: &str,
        bundle: &Path,
        log: Option<&LogTarget>,
        open_input: bool,
    ) -> Result<i32, StartError>;

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

    /// Makes the process that `place/process.json` describes in a running container, held before it runs anything, and
    /// a monitor for it that serves `place` as a bundle. The process, in the machine's pid namespace.
    ///
    /// # Errors
    /// In docker's words.
    async fn exec(&self, id: &str, place: &Path, open_input: bool) -> Result<i32, StartError>;

    /// Lets the process of an exec go.
    ///
    /// # Errors
    /// In docker's words, when the kernel does not execute it.
    async fn start_exec(&self, place: &Path) -> Result<(), StartError>;

    /// Sends a signal to the process of an exec.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended.
    async fn kill_exec(&self, place: &Path, signal: i32) -> Result<(), RuntimeError>;

    /// Attaches to the process of a bundle or of an exec's place. No output after this is missed.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended.
    async fn attach(&self, place: &Path, request: AttachRequest) -> Result<Attached, RuntimeError>;

    /// Gives the process's terminal another size.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended; when it has no terminal.
    async fn resize(&self, place: &Path, rows: u16, columns: u16) -> Result<(), RuntimeError>;

    /// What is true about a container, asked once when the engine starts.
    async fn probe(&self, id: &str, bundle: &Path) -> Liveness;
}
