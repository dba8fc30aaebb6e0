//! A `BERTH_HOME` of its own for one case.

use crate::{Build, Ran, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fresh Berth with nothing in it. Dropping it takes the machine down and removes everything; after a failed case the
/// daemon's log and the machine's console are printed first.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// An empty home; nothing runs yet.
    ///
    /// # Panics
    /// When the system has no room for it.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder; a default should cost nothing")]
    pub fn new() -> Self {
        // Short, because the path of a socket has 107 bytes at most.
        Self { folder: tempfile::Builder::new().prefix("berth-").tempdir_in("/tmp").expect("a folder") }
    }

    /// A home with a running machine.
    #[must_use]
    pub fn up() -> Self {
        let home = Self::new();
        home.berth(&["up"]).ok();
        home
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The local socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/docker.sock")
    }

    /// Runs `berth`.
    #[must_use]
    pub fn berth(&self, arguments: &[&str]) -> Ran {
        run(&mut self.berth_command(arguments))
    }

    /// `berth` with its home, to be started by the case.
    #[must_use]
    pub fn berth_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Build::program("berth"));
        command.args(arguments).env("BERTH_HOME", self.path()).env("DOCKER_CONFIG", self.docker_config());
        command
    }

    /// Runs the docker CLI against this home's socket.
    #[must_use]
    pub fn docker(&self, arguments: &[&str]) -> Ran {
        run(&mut self.docker_command(arguments))
    }

    /// The docker CLI with this home's socket, to be started by the case.
    #[must_use]
    pub fn docker_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Build::docker());
        command.env("DOCKER_CONFIG", self.docker_config()).env_remove("DOCKER_HOST");
        command.arg("-H").arg(format!("unix://{}", self.socket().display())).args(arguments);
        command
    }

    /// A config of its own: the user's contexts and logins must play no part.
    fn docker_config(&self) -> PathBuf {
        self.path().join("docker-config")
    }

    /// The machine's state as `berth status --json` shows it.
    ///
    /// # Panics
    /// When it is no JSON.
    #[must_use]
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(self.berth(&["status", "--json"]).ok()).expect("JSON")
    }

    /// The process id of the daemon.
    #[must_use]
    pub fn daemon(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.path().join("run/berthd.pid")).ok()?;
        let pid: i32 = text.trim().parse().ok()?;
        // The number may be another program's by now.
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "berthd").then(|| Pid::from_raw(pid))
    }

    /// The process id of the VM: the daemon's child.
    #[must_use]
    pub fn vm(&self) -> Option<Pid> {
        let daemon = self.daemon()?;
        let tasks = std::fs::read_dir(format!("/proc/{daemon}/task")).ok()?;
        tasks.flatten().find_map(|task| {
            let children = std::fs::read_to_string(task.path().join("children")).ok()?;
            children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
        })
    }

    /// The process id of the window.
    #[must_use]
    pub fn window(&self) -> Option<Pid> {
        let home = format!("BERTH_HOME={}", self.path().display());
        let is_it = |folder: &Path| {
            let name = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
            let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
            name.trim() == "berth-desktop" && environment.split(|byte| *byte == 0).any(|entry| entry == home.as_bytes())
        };
        let mut processes = std::fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
        let folder = processes.find(|folder| is_it(folder))?;
        folder.file_name()?.to_str()?.parse().ok().map(Pid::from_raw)
    }

    /// Kills a process of this home at once, as a crash would.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn crash(process: Pid) {
        kill(process, Signal::SIGKILL).expect("kill");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for file in ["logs/berthd.log", "machine/console.log"] {
                let text = std::fs::read(self.path().join(file)).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<_> = text.lines().collect();
                eprintln!("--- {file}\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
            }
        }
        let daemon = self.daemon();
        if daemon.is_some() {
            drop(run(&mut self.berth_command(&["down"])));
        }
        if let Some(process) = self.daemon().filter(|process| daemon == Some(*process)) {
            eprintln!("berthd {process} was still there after `berth down`: {:?}", kill(process, Signal::SIGKILL));
        }
    }
}
