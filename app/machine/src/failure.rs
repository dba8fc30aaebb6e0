//! One way to say that something went wrong with a machine.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What failed, why, and what the user can do. Each is one clause: lower-case, no full stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was being done, such as `starting QEMU`.
    pub what: String,
    /// What went wrong, in the words of whoever noticed.
    pub why: String,
    /// What to do next.
    pub todo: String,
}

impl Failure {
    /// A failure from its three clauses.
    pub fn new(what: impl Into<String>, why: impl fmt::Display, todo: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.to_string(), todo: todo.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}; {}", self.what, self.why, self.todo)
    }
}

impl std::error::Error for Failure {}
