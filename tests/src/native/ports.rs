//! Published ports of a native engine, as berthd listens for them.

use super::program;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running `native-ports`.
pub struct Ports {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Ports {
    /// Publishes what the engine wants whose sockets are in `dir`, on the network where `wrapper` executes its arguments: none
    /// for the test's own.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(wrapper: Option<Command>, dir: &Path) -> Self {
        let program = program("examples/native-ports");
        let mut command = match wrapper {
            Some(mut command) => {
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let questions = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut ports = Self { process, questions, answers };
        assert_eq!(ports.line(), "ready");
        ports
    }

    /// The ports, as `GET /berth/v1/ports` lists them.
    ///
    /// # Panics
    /// When it has ended.
    pub fn list(&mut self) -> Vec<Value> {
        serde_json::from_str(&self.ask("list")).expect("a list")
    }

    /// Opens ports that were published without an address to everyone, or closes them again: what it says to that.
    ///
    /// # Panics
    /// When it has ended.
    pub fn share(&mut self, on: bool) -> String {
        self.ask(if on { "share" } else { "unshare" })
    }

    /// How many tasks it has, and how many descriptors.
    ///
    /// # Panics
    /// When it has ended.
    pub fn load(&mut self) -> (usize, usize) {
        let told = self.ask("tasks");
        let (tasks, descriptors) = told.split_once(' ').expect("two numbers");
        (tasks.parse().expect("a number"), descriptors.parse().expect("a number"))
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.questions, "{question}").expect("it listens");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("read what it says");
        line.trim_end().to_owned()
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
