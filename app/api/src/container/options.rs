//! What the verbs on a container take and give besides its name.

use bytes::Bytes;

/// What `logs` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Wait for more until the container ends.
    pub follow: bool,
    /// Only the last so many lines; `None` for all.
    pub tail: Option<u64>,
    /// Only lines since then, seconds since the Unix epoch; 0 for all.
    pub since: i32,
    /// Each line begins with its time.
    pub timestamps: bool,
}

/// Which containers to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerQuery {
    /// Those that do not run too.
    pub all: bool,
    /// The newest so many.
    pub limit: Option<i32>,
    /// Count what each has written.
    pub size: bool,
    /// Docker's filters.
    pub filters: crate::client::Filters,
}

/// A piece of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChunk {
    /// Whether it was written to standard error.
    pub stderr: bool,
    /// The bytes as written.
    pub bytes: Bytes,
}

/// How a container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Kill it first when it runs.
    pub force: bool,
    /// Remove its anonymous volumes too.
    pub volumes: bool,
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// It does not run: answers at once when it does not.
    NotRunning,
    /// The next end of its process.
    NextExit,
    /// It is removed.
    Removed,
}

impl WaitFor {
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::NextExit => "next-exit",
            Self::Removed => "removed",
        }
    }
}
