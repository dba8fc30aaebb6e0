//! The real [`Runtime`]: `berth-runtime` reached by exec, and its monitors reached by their sockets.

#[cfg(test)]
mod fuzz;
mod monitor;
mod streams;

use crate::{
    log::LogTarget,
    seam::{AttachRequest, Attached, ExitRecord, Liveness, Runtime, RuntimeError, StartError},
    users,
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::timeout,
};

/// A container is made in milliseconds; what takes longer than this hangs.
const CREATE_DEADLINE: Duration = Duration::from_secs(60);

/// `berth-runtime` as a program.
#[derive(Clone, Debug)]
pub struct RuntimeCli {
    program: PathBuf,
    root: PathBuf,
}

/// What the monitor says first.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Announcement {
    Created { pid: i32 },
    Error { kind: String, message: String },
}

/// What `state` says, as far as it matters here (OCI runtime specification, "State").
#[derive(Deserialize)]
struct State {
    status: String,
    #[serde(default)]
    pid: i32,
}

impl RuntimeCli {
    /// The program, and the directory in which it keeps its own state.
    #[must_use]
    pub const fn new(program: PathBuf, root: PathBuf) -> Self {
        Self { program, root }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.root).arg(verb).stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end; its one line of complaint is the error.
    async fn run<S: AsRef<OsStr>>(&self, verb: &str, args: &[S]) -> Result<Vec<u8>, RuntimeError> {
        let failed = |e: std::io::Error| RuntimeError::Failed(format!("could not run {}: {e}", self.program.display()));
        let output = self.command(verb).args(args).kill_on_drop(true).output().await.map_err(failed)?;
        answer(verb, output)
    }

    /// As [`Self::run`], with something to read on standard input.
    async fn run_with<S: AsRef<OsStr>>(&self, verb: &str, args: &[S], input: &[u8]) -> Result<Vec<u8>, RuntimeError> {
        let failed = |e: std::io::Error| RuntimeError::Failed(format!("could not run {}: {e}", self.program.display()));
        let mut command = self.command(verb);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(input).await {
                // It did not want to read it; why is in its answer.
                Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(failed(e)),
                _ => {}
            }
        }
        answer(verb, child.wait_with_output().await.map_err(failed)?)
    }

    /// What a failure of a verb on a container means: there may be no process any more.
    async fn gone_or(&self, id: &str, failure: RuntimeError) -> RuntimeError {
        match self.state(id).await {
            Some(state) if state.status != "stopped" => failure,
            _ => RuntimeError::Gone,
        }
    }

    /// Starts a monitor and hears how the creation went.
    async fn announced(&self, mut command: Command, id: &str, open_input: bool) -> Result<i32, StartError> {
        let other = |doing: &str, e: &dyn std::fmt::Display| StartError::Other(format!("{doing}: {e}"));
        if open_input {
            command.arg("--open-stdin");
        }
        let mut child = command
            .arg(id)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| other(&format!("could not run {}", self.program.display()), &e))?;
        let stdout = child.stdout.take();
        // The monitor outlives this call; somebody has to take its exit status when it ends.
        tokio::spawn(async move {
            if let Err(e) = child.wait().await {
                tracing::warn!("could not wait for a monitor: {e}");
            }
        });
        let mut line = String::new();
        if let Some(stdout) = stdout {
            let mut reader = BufReader::new(stdout);
            timeout(CREATE_DEADLINE, reader.read_line(&mut line))
                .await
                .map_err(|_| StartError::Other(format!("the monitor said nothing for {CREATE_DEADLINE:?}")))?
                .map_err(|e| other("could not read from the monitor", &e))?;
        }
        if line.is_empty() {
            return Err(StartError::Other("the monitor ended without a word".to_owned()));
        }
        match serde_json::from_str(&line).map_err(|e| other("the monitor is not understood", &e))? {
            Announcement::Created { pid } => Ok(pid),
            Announcement::Error { kind, message } => Err(start_error(&kind, message)),
        }
    }

    async fn state(&self, id: &str) -> Option<State> {
        let output = self.run("state", &[id]).await.ok()?;
        serde_json::from_slice(&output).ok()
    }
}

fn answer(verb: &str, output: std::process::Output) -> Result<Vec<u8>, RuntimeError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(RuntimeError::Failed(format!("{verb}: {}", words.trim().lines().next_back().unwrap_or("no reason given"))))
}

/// A failure of the runtime's kind.
fn start_error(kind: &str, message: String) -> StartError {
    match kind {
        "not-found" => StartError::NotFound(message),
        "not-executable" => StartError::NotExecutable(message),
        _ => StartError::Other(message),
    }
}

#[async_trait]
impl Runtime for RuntimeCli {
    async fn pin_users(&self, first: u32, users: &Path, network: &Path) -> Result<(), RuntimeError> {
        let ids = format!("{first}:{}", users::COUNT);
        self.run("pin-users", &[OsStr::new("--ids"), ids.as_ref(), users.as_ref(), network.as_ref()]).await.map(drop)
    }

    async fn bind_mapped(&self, users: &Path, source: &Path, target: &Path) -> Result<(), RuntimeError> {
        let words = [OsStr::new("--users"), users.as_ref(), source.as_ref(), target.as_ref()];
        self.run("bind-mapped", &words).await.map(drop)
    }

    async fn create(
        &self,
        id: &str,
        bundle: &Path,
        log: Option<&LogTarget>,
        open_input: bool,
    ) -> Result<i32, StartError> {
        let mut command = self.command("monitor");
        command.arg("--bundle").arg(bundle);
        if let Some(LogTarget { path, max_size, max_files, compress, attributes }) = log {
            command.arg("--log").arg(path).arg("--log-max-files").arg(max_files.to_string());
            if let Some(size) = max_size {
                command.arg("--log-max-size").arg(size.to_string());
            }
            if *compress {
                command.arg("--log-compress");
            }
            if !attributes.is_empty() {
                command.arg("--log-attributes").arg(json!(attributes).to_string());
            }
        }
        self.announced(command, id, open_input).await
    }

    async fn exec(&self, id: &str, place: &Path, open_input: bool) -> Result<i32, StartError> {
        let mut command = self.command("monitor-exec");
        command.arg("--bundle").arg(place);
        self.announced(command, id, open_input).await
    }

    async fn start_exec(&self, place: &Path) -> Result<(), StartError> {
        streams::ask(place, json!({ "start": {} })).await
    }

    async fn kill_exec(&self, place: &Path, signal: i32) -> Result<(), RuntimeError> {
        streams::ask_running(place, json!({ "kill": { "signal": signal } })).await
    }

    async fn attach(&self, place: &Path, request: AttachRequest) -> Result<Attached, RuntimeError> {
        streams::attach(place, request).await
    }

    async fn resize(&self, place: &Path, rows: u16, columns: u16) -> Result<(), RuntimeError> {
        streams::ask_running(place, json!({ "resize": { "rows": rows, "columns": columns } })).await
    }

    async fn start(&self, id: &str) -> Result<(), RuntimeError> {
        self.run("start", &[id]).await.map(drop)
    }

    async fn kill(&self, id: &str, signal: i32) -> Result<(), RuntimeError> {
        let failure = match self.run("kill", &[id, &signal.to_string()]).await {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        Err(self.gone_or(id, failure).await)
    }

    async fn pause(&self, id: &str) -> Result<(), RuntimeError> {
        match self.run("pause", &[id]).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.gone_or(id, failure).await),
        }
    }

    async fn resume(&self, id: &str) -> Result<(), RuntimeError> {
        let Err(failure) = self.run("resume", &[id]).await else { return Ok(()) };
        match self.state(id).await {
            Some(state) if state.status == "paused" => Err(failure),
            Some(state) if state.status != "stopped" => Ok(()),
            _ => Err(RuntimeError::Gone),
        }
    }

    async fn update(&self, id: &str, resources: &serde_json::Value) -> Result<(), RuntimeError> {
        let document = resources.to_string();
        match self.run_with("update", &["--resources", "-", id], document.as_bytes()).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.gone_or(id, failure).await),
        }
    }

    async fn delete(&self, id: &str) -> Result<(), RuntimeError> {
        match self.run("delete", &["--force", id]).await {
            Err(_) if self.state(id).await.is_none() => Ok(()),
            result => result.map(drop),
        }
    }

    async fn wait(&self, bundle: &Path) -> Option<ExitRecord> {
        if let Some(record) = monitor::wait(bundle).await {
            return Some(record);
        }
        monitor::read_exit(bundle).await
    }

    async fn probe(&self, id: &str, bundle: &Path) -> Liveness {
        if let Some(record) = monitor::read_exit(bundle).await {
            return Liveness::Ended(record);
        }
        let state = self.state(id).await;
        if monitor::answers(bundle).await {
            return match state {
                Some(State { status, pid }) if matches!(status.as_str(), "running" | "paused") && pid > 0 => {
                    Liveness::Running { pid, frozen: status == "paused" }
                }
                // It may have ended between the two looks: its record is there then.
                _ => monitor::read_exit(bundle).await.map_or(Liveness::Unusable, Liveness::Ended),
            };
        }
        match (monitor::read_exit(bundle).await, state) {
            (Some(record), _) => Liveness::Ended(record),
            (None, Some(_)) => Liveness::Unusable,
            (None, None) => Liveness::Absent,
        }
    }
}
