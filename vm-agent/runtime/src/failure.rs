//! The one error of this program: a sentence for the user, and a kind for the engine.

use std::fmt::Display;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What the engine decides on: docker exits with 127, 126 and 125 for these.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailureKind {
    /// The container's program does not exist.
    NotFound,
    /// The container's program exists and cannot be executed.
    NotExecutable,
    /// Anything else.
    Other,
}

/// Why a command did not succeed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Other, message)
    }
}

/// The system's words for `errno` as Go programs print them, which is what users of docker search for.
pub(crate) fn words(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Adds what was being done to a lower-level error.
pub(crate) trait Context<T> {
    /// Turns an error into `what: error`.
    fn context(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Wording> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| error.prefixed(&what))
    }
}

/// How an error reads behind a colon.
pub(crate) trait Wording {
    fn prefixed(self, what: &dyn Display) -> Failure;
}

impl Wording for Errno {
    fn prefixed(self, what: &dyn Display) -> Failure {
        Failure::other(format!("{what}: {}", words(self)))
    }
}

impl Wording for std::io::Error {
    fn prefixed(self, what: &dyn Display) -> Failure {
        match self.raw_os_error() {
            Some(code) => Errno::from_raw(code).prefixed(what),
            None => Failure::other(format!("{what}: {self}")),
        }
    }
}

impl Wording for serde_json::Error {
    fn prefixed(self, what: &dyn Display) -> Failure {
        Failure::other(format!("{what}: {self}"))
    }
}

impl Wording for std::num::TryFromIntError {
    fn prefixed(self, what: &dyn Display) -> Failure {
        Failure::other(format!("{what}: {self}"))
    }
}

impl Wording for std::ffi::NulError {
    fn prefixed(self, what: &dyn Display) -> Failure {
        Failure::other(format!("{what}: contains a nul byte"))
    }
}

impl Wording for Failure {
    fn prefixed(self, what: &dyn Display) -> Failure {
        Failure { message: format!("{what}: {}", self.message), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_what_was_done_and_why_it_failed() {
        let failure = Err::<(), _>(Errno::ENOENT).context("open config.json").unwrap_err();
        assert_eq!(failure.to_string(), "open config.json: no such file or directory");
        let failure = Err::<(), _>(std::io::Error::from_raw_os_error(libc::EACCES)).context("read x").unwrap_err();
        assert_eq!(failure.to_string(), "read x: permission denied");
    }

    #[test]
    fn context_keeps_the_kind() {
        let missing = Failure::new(FailureKind::NotFound, "no");
        assert_eq!(Err::<(), _>(missing).context("start").unwrap_err().kind, FailureKind::NotFound);
    }
}
