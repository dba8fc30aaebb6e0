//! What the host asks of PID 1 on [`crate::port::CONTROL`]: one [`Request`] frame, one [`Reply`] frame, repeated.

use serde::{Deserialize, Serialize};

/// A request of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Request {
    /// How the boot went and how the engine is.
    Report,
    /// Set the guest's wall clock to the host's, nanoseconds since the Unix epoch.
    SetClock {
        /// The host's clock when the request was written.
        unix_nanos: u64,
    },
    /// Stop the engine and every container in order, flush the disk, power off. The reply comes before the work.
    Shutdown {
        /// How long containers may take to stop, seconds.
        grace_seconds: u32,
    },
}

/// PID 1's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Reply {
    /// To [`Request::Report`].
    Report(Report),
    /// To [`Request::SetClock`]: by how much the clock was moved, nanoseconds, positive when it was behind.
    Clock {
        /// The distance moved.
        moved_nanos: i64,
    },
    /// To [`Request::Shutdown`]: it has begun.
    ShuttingDown,
    /// The request was understood and failed.
    Failed {
        /// One sentence.
        why: String,
    },
}

/// The boot as the guest saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the agent.
    pub agent: String,
    /// `uname -r` of the guest.
    pub kernel: String,
    /// Microseconds from the kernel's start to PID 1.
    pub kernel_micros: u64,
    /// The steps of PID 1, in order; the last may be failed.
    pub steps: Vec<Step>,
    /// How often the engine had to be started again.
    pub engine_restarts: u32,
}

/// One step of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// A short stable name: `modules`, `disk`, `network`, `engine`.
    pub name: String,
    /// Microseconds it took.
    pub micros: u64,
    /// What went wrong, and what to do; `None` when it went well.
    pub error: Option<String>,
}
