//! How a command fails: one line, a hint, and an exit code as docker's.

use crate::render::text;
use berth_api::{Code, Error, Problem};
use std::fmt;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// With a problem to print.
    Problem(Problem),
    /// With this code; whatever there was to say has been said.
    Said(u8),
    /// A container could not be started: the code depends on why.
    Start(Problem),
}

/// What a command gives: its exit code.
pub(crate) type Outcome = Result<u8, Failure>;

/// Docker's codes of `run`: the engine failed, the program cannot be run, the program is not there.
const ENGINE_FAILED: u8 = 125;
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

impl Failure {
    /// Prints what there is to say and gives the exit code. `run` and `create` keep 1 for their container.
    pub(crate) fn report(self, of_run: bool) -> u8 {
        let general = if of_run { ENGINE_FAILED } else { 1 };
        match self {
            Self::Said(code) => code,
            Self::Problem(problem) => {
                say(&problem);
                general
            }
            Self::Start(problem) => {
                say(&problem);
                start_code(&problem.message)
            }
        }
    }
}

/// Docker's own rule, by the runtime's words.
fn start_code(message: &str) -> u8 {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["executable file not found", "no such file or directory"]) {
        NOT_FOUND
    } else if says(&["permission denied", "is a directory"]) && !says(&["ports are not available"]) {
        CANNOT_RUN
    } else {
        ENGINE_FAILED
    }
}

/// One line with the problem, one with what to do.
pub(crate) fn say(problem: &Problem) {
    eprintln!("berth: {}", text::inert(&problem.message));
    if let Some(hint) = &problem.hint {
        eprintln!("hint: {}", text::inert(hint));
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Problem(error.problem())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A failure of this side's files and streams.
pub(crate) fn io(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Problem::new(Code::Io, format!("{what}: {error}")).into()
}

/// An argument that makes no sense.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Problem::new(Code::InvalidArgument, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_has_dockers_codes() {
        for (message, code) in [
            ("exec: \"x\": executable file not found in $PATH", 127),
            ("exec: \"/x\": stat /x: no such file or directory", 127),
            ("exec: \"/etc\": permission denied", 126),
            ("exec: \"/etc\": is a directory", 126),
            ("Bind for 127.0.0.1:80 failed: port is already allocated", 125),
            ("ports are not available: exposing port TCP 127.0.0.1:80: bind: permission denied", 125),
        ] {
            assert_eq!(start_code(message), code, "{message}");
        }
    }
}
