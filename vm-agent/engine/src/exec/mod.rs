//! Processes that are executed in running containers.

mod registry;

pub(crate) use registry::{Exec, ExecState, Registry};

use crate::{Timestamp, attach::Attachment};
use serde::{Deserialize, Serialize};

/// What to execute, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecConfig {
    /// The program and its arguments.
    pub cmd: Vec<String>,
    /// `NAME=value` on top of the container's; a bare `NAME` removes that variable.
    pub env: Vec<String>,
    /// `user`, `user:group`, names or numbers; empty is the container's.
    pub user: String,
    /// Absolute; empty is the container's.
    pub working_dir: String,
    /// All capabilities.
    pub privileged: bool,
    /// Gives it a terminal.
    pub tty: bool,
    /// A client sends its standard input.
    pub attach_stdin: bool,
    /// A client gets its standard output.
    pub attach_stdout: bool,
    /// A client gets its standard error.
    pub attach_stderr: bool,
    /// The keys that leave its terminal, as `ctrl-p,ctrl-q`; `None` is that.
    pub detach_keys: Option<String>,
    /// Rows and columns of its terminal at first.
    pub console_size: Option<(u16, u16)>,
}

/// How to start one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecStart {
    /// Nobody is attached.
    pub detach: bool,
    /// Rows and columns of its terminal, instead of those it was created with.
    pub console_size: Option<(u16, u16)>,
}

/// What came of starting one.
pub enum ExecStarted {
    /// It runs by itself.
    Detached,
    /// It runs, and this is attached to it. The output ends when the exit code is known.
    Attached(Attachment),
}

/// What inspect shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecDetails {
    /// 64 hex digits.
    pub id: String,
    /// The container's id.
    pub container_id: String,
    /// It runs.
    pub running: bool,
    /// Once it has ended.
    pub exit_code: Option<i64>,
    /// The process in the machine's pid namespace; 0 when none runs.
    pub pid: i32,
    /// As asked, with the container's user filled in.
    pub config: ExecConfig,
}

/// What a command that was run in a container came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutcome {
    /// As a shell sees it; `None` when it had to be killed for taking too long.
    pub exit_code: Option<i64>,
    /// The first bytes of both its outputs, as they came.
    pub output: Vec<u8>,
    /// There was more output.
    pub truncated: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}
