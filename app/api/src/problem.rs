//! What went wrong, as clients see it: a stable code, one sentence, and what to do.

use serde::{Deserialize, Serialize};

/// A failure that a person reads and a program matches on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[error("{message}")]
pub struct Problem {
    /// Stable across releases; translations key on it.
    pub code: Code,
    /// One sentence: what failed and why.
    pub message: String,
    /// What the user can do about it, when that is known.
    pub hint: Option<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The machine is stopped.
    MachineStopped,
    /// The machine could not start, or it died.
    MachineFailed,
    /// No way of running a VM is built for, or present on, this system.
    HypervisorMissing,
    /// A file of the guest image is not where Berth was installed.
    GuestImageMissing,
    /// A file of the guest image is not the one that was shipped.
    GuestImageDamaged,
    /// The data disk cannot be created or used.
    DataDisk,
    /// A step of the boot took longer than it may.
    BootTimeout,
    /// berthd does not answer.
    DaemonUnreachable,
    /// berthd could not be started.
    DaemonFailed,
    /// The state folder (`BERTH_HOME`) cannot be used.
    HomeUnusable,
    /// A host port is taken.
    PortInUse,
    /// No such container, image or volume.
    NotFound,
    /// The object is in a state or of a name that forbids this.
    Conflict,
    /// An argument is malformed.
    InvalidArgument,
    /// A registry refused, failed or cannot be reached.
    Registry,
    /// The engine in the guest failed.
    Engine,
    /// A file or stream on the host failed.
    Io,
    /// Something took longer than it may.
    Timeout,
    /// No browser could be started.
    BrowserMissing,
}

impl Problem {
    /// A problem without a hint.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// The same problem, saying what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The machine is stopped: one text everywhere, so that scripts can match on it.
    #[must_use]
    pub fn machine_stopped() -> Self {
        Self::new(Code::MachineStopped, crate::machine::STOPPED_TEXT)
    }
}
