//! The engine on this machine's own kernel, as a user of its socket sees it: no VM, but the real runtime, image store,
//! bridge and API. Needs root.

mod archive;
mod client;
mod ground;

pub use archive::{Layer, busybox, image};
pub use client::{Answer, Client, Pieces};
pub use ground::{Ground, Traces};

use serde_json::Value;
use std::io::{BufRead, BufReader};
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
    process: Child,
    socket: PathBuf,
}

impl Engine {
    /// Starts one on `ground` and waits until its API is there.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(ground: &Ground) -> Self {
        let mut command = Command::new(program("examples/native-engine"));
        command.arg(ground.dir()).args(["--join", &ground.holder().to_string()]);
        let log = std::fs::File::options().create(true).append(true).open(ground.dir().join("engine.log"));
        command.env("BERTH_RUNTIME", program("berth-runtime")).stderr(log.expect("the engine's log"));
        let process = started(&mut command);
        Self { process, socket: ground.dir().join("docker.sock") }
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
        self.process.id()
    }

    /// Ends it with SIGKILL, in the middle of whatever it does.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(mut self) {
        assert!(self.process.try_wait().expect("wait").is_none(), "the engine had ended by itself");
        self.process.kill().expect("kill the engine");
        self.process.wait().expect("reap the engine");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Killed already, or killed now: what it leaves is the ground's to clean.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Starts a program that says "ready", and waits for that.
fn started(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("read what it says");
    assert_eq!(line, "ready\n", "{command:?} did not start");
    child
}

/// The body of a request to create a container that runs `command` in the image `busybox`.
#[must_use]
pub fn container(command: &[&str], network: &str) -> Value {
    serde_json::json!({ "Image": "busybox", "Cmd": command, "HostConfig": { "NetworkMode": network } })
}
