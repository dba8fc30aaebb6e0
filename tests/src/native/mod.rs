//! The engine on this machine's own kernel, as a user of its socket sees it: no VM, but the real runtime, image store,
//! bridge and API. Needs root.

mod archive;
mod client;
mod ground;
mod inside;
mod ports;

pub use archive::{Layer, busybox, image};
pub use client::{Answer, Client, Pieces};
pub use ground::{Ground, Traces};
pub use inside::inside;
pub use ports::Ports;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The programs that xtask built for this machine.
///
/// # Panics
/// Outside of `cargo xtask`.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("BERTH_TEST_NATIVE").map(PathBuf::from);
    folder.expect("BERTH_TEST_NATIVE is not set: run this with `cargo xtask`").join(name)
}

/// A running engine.
pub struct Engine {
    /// What was started: the engine, or who traces it and ends with it.
    process: Child,
    pid: u32,
    socket: PathBuf,
}

/// Where an engine is to die: before a system call that would be the `nth` of these which one of its threads makes.
#[derive(Clone, Copy, Debug)]
pub struct Failpoint {
    /// Names of system calls, with commas between.
    pub calls: &'static str,
    /// Counted from 1.
    pub nth: u64,
}

impl Engine {
    /// Starts one on `ground` and waits until its API is there.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(ground: &Ground) -> Self {
        let process = started(on(ground, &mut Command::new(program("examples/native-engine"))));
        Self { pid: process.id(), process, socket: ground.dir().join("docker.sock") }
    }

    /// Starts one that dies at `failpoint` if it comes there; `None` when that was before its API was there. What the
    /// engine executes lives on.
    ///
    /// # Panics
    /// When it is not killed and does not start.
    #[must_use]
    pub fn doomed(ground: &Ground, failpoint: Failpoint) -> Option<Self> {
        let Failpoint { calls, nth } = failpoint;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-b", "execve", "-qqq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:signal=SIGKILL:when={nth}"), "--"]);
        let command = on(ground, strace.arg(program("examples/native-engine"))).stdout(Stdio::piped());
        let mut process = command.spawn().expect("strace, from Debian's package of that name");
        if first_line(&mut process).is_empty() {
            let status = process.wait().expect("its end");
            assert_eq!(status.signal(), Some(9), "{failpoint:?}");
            return None;
        }
        let children = format!("/proc/{0}/task/{0}/children", process.id());
        let pid = std::fs::read_to_string(children).expect("the engine below its tracer").trim().parse();
        Some(Self { pid: pid.expect("one engine"), process, socket: ground.dir().join("docker.sock") })
    }

    /// As [`Engine::start`], with the image `busybox`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with_busybox(ground: &Ground) -> Self {
        let engine = Self::start(ground);
        engine.client().load(&busybox());
        engine
    }

    /// Where its API is.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A connection to its API.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::to(&self.socket)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it was killed.
    ///
    /// # Panics
    /// When it has ended in another way.
    pub fn is_killed(&mut self) -> bool {
        let ended = self.process.try_wait().expect("wait");
        assert!(ended.is_none_or(|status| status.signal() == Some(9)), "the engine had ended by itself: {ended:?}");
        ended.is_some()
    }

    /// Ends it with SIGKILL, in the middle of whatever it does.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(mut self) {
        assert!(!self.is_killed(), "the engine was dead already");
        self.end();
    }

    fn end(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.pid.cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).expect("kill the engine");
        self.process.wait().expect("reap the engine");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Killed already, or killed now: what it leaves is the ground's to clean.
        if let Ok(None) = self.process.try_wait() {
            self.end();
        }
    }
}

/// What an engine is told to serve on this ground.
fn on<'a>(ground: &Ground, command: &'a mut Command) -> &'a mut Command {
    let log = std::fs::File::options().create(true).append(true).open(ground.dir().join("engine.log"));
    command.env("BERTH_RUNTIME", program("berth-runtime")).stderr(log.expect("the engine's log"));
    command.arg(ground.dir()).args(["--join", &ground.holder().to_string()])
}

/// Starts a program that says "ready", and waits for that.
fn started(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(first_line(&mut child), "ready\n", "{command:?} did not start");
    child
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("read what it says");
    line
}

/// The body of a request to create a container that runs `command` in the image `busybox`.
#[must_use]
pub fn container(command: &[&str], network: &str) -> Value {
    serde_json::json!({ "Image": "busybox", "Cmd": command, "HostConfig": { "NetworkMode": network } })
}
