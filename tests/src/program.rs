//! Runs a program as a user would, with a deadline, and keeps what it said.

use std::fmt::Display;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No command of a case takes longer than this, even where the VM is emulated.
const LIMIT: Duration = Duration::from_secs(180);

/// What a program said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The command, for messages.
    pub command: String,
    /// Exit code; `None` for a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `command` to its end with nothing to read.
///
/// # Panics
/// When it cannot be started or does not end in time.
#[must_use]
pub fn run(command: &mut Command) -> Ran {
    finished(command.stdin(Stdio::null()), b"")
}

/// Runs `command` to its end with `input` to read.
///
/// # Panics
/// When it cannot be started or does not end in time.
#[must_use]
pub fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    finished(command.stdin(Stdio::piped()), input)
}

fn finished(command: &mut Command, input: &[u8]) -> Ran {
    let shown = format!("{command:?}");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // Who does not read it all says so by its exit code.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let out = drain(child.stdout.take());
    let err = drain(child.stderr.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill().expect("kill");
            child.wait().expect("reap");
            panic!("{shown} did not end within {LIMIT:?}\n{}\n{}", finish(out), finish(err));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ran { command: shown, code: status.code(), stdout: finish(out), stderr: finish(err) }
}

type Drain = std::thread::JoinHandle<Vec<u8>>;

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drain {
    let mut pipe = pipe.expect("a pipe");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("read a pipe");
        bytes
    })
}

fn finish(drain: Drain) -> String {
    String::from_utf8_lossy(&drain.join().expect("a pipe's reader")).into_owned()
}

impl Ran {
    /// The standard output of a command that must succeed, without the last newline.
    ///
    /// # Panics
    /// When it failed.
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self}");
        self.stdout.trim_end()
    }

    /// The standard error of a command that must fail with `code`.
    ///
    /// # Panics
    /// When it did not.
    pub fn fails(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self}");
        self.stderr.trim_end()
    }
}

impl Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nexit code {:?}\nstdout:\n{}\nstderr:\n{}", self.command, self.code, self.stdout, self.stderr)
    }
}
