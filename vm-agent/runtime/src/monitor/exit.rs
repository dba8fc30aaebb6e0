//! How a container ended, for the engine to find now or later.

use std::{
    fs::{self, File},
    path::Path,
};

use nix::sys::wait::WaitStatus;
use serde::Serialize;

use crate::{
    clock,
    failure::{Context, Failure},
};

/// The end of a container.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Exit {
    /// The exit status, 128 + the signal for a container that was killed by one.
    code: i32,
    signal: Option<i32>,
    /// Whether the kernel killed a process of the container for lack of memory.
    oom_killed: bool,
    /// RFC 3339.
    at: String,
}

impl Exit {
    /// Reads it off a wait status, now.
    pub(super) fn of(status: WaitStatus, oom_killed: bool) -> Self {
        let (code, signal) = match status {
            WaitStatus::Exited(_, code) => (code, None),
            WaitStatus::Signaled(_, signal, _) => (128 + signal as i32, Some(signal as i32)),
            // waitpid without WUNTRACED and the like reports nothing else.
            _ => (255, None),
        };
        Self { code, signal, oom_killed, at: clock::now() }
    }

    /// `{"exited":{...}}` and a newline.
    pub(super) fn line(&self) -> Result<String, Failure> {
        let object = serde_json::to_string(&serde_json::json!({ "exited": self })).context("exit status")?;
        Ok(object + "\n")
    }
}

/// Writes `line` to `directory/exit.json`, all of it or nothing.
pub(super) fn write(directory: &Path, line: &str) -> Result<(), Failure> {
    let (file, draft) = (directory.join("exit.json"), directory.join(".exit.json"));
    let written = File::create(&draft).and_then(|mut draft| {
        std::io::Write::write_all(&mut draft, line.as_bytes())?;
        draft.sync_all()
    });
    written.and_then(|()| fs::rename(&draft, &file)).context(format_args!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use nix::{sys::signal::Signal, unistd::Pid};

    use super::*;

    #[test]
    fn codes_as_a_shell_has_them() {
        let pid = Pid::from_raw(1);
        let exited = Exit::of(WaitStatus::Exited(pid, 3), false);
        assert_eq!((exited.code, exited.signal), (3, None));
        let killed = Exit::of(WaitStatus::Signaled(pid, Signal::SIGKILL, false), true);
        assert_eq!((killed.code, killed.signal, killed.oom_killed), (137, Some(9), true));
        let line: serde_json::Value = serde_json::from_str(&killed.line().unwrap()).unwrap();
        assert_eq!(line["exited"]["code"], 137);
        assert!(exited.line().unwrap().contains(r#""signal":null"#));
    }
}
