//! Executing processes in running containers.

use super::{Engine, io_error, random_hex, to_the_end};
use crate::{
    Error, Result,
    attach::{AttachedInput, Attachment, DetachKeys},
    container::{ContainerState, UNSEEN_EXIT},
    exec::{CommandOutcome, Exec, ExecConfig, ExecDetails, ExecStart, ExecStarted, ExecState},
    log::{LogFrame, LogStream},
    rootfs::Rootfs,
    roster::Container,
    seam::{AttachRequest, Attached, ExitRecord, StartError},
    signal::SIGKILL,
    spec::{self, ResolvedUser},
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Docker's exit codes of what could not be executed.
const NOT_EXECUTABLE: i64 = 126;
const NOT_FOUND: i64 = 127;
/// So much output of a command is kept, bytes: docker's for a health check (moby `daemon/health.go`).
const KEPT_OUTPUT: usize = 4096;
/// How long a resize waits for a process that is being started, as docker does.
const RESIZE_PATIENCE: Duration = Duration::from_secs(10);
/// What is kept of one in its directory, for the next engine.
const RECORD: &str = "exec.json";

#[derive(Serialize, Deserialize)]
struct Record {
    container: String,
    pid: i32,
    config: ExecConfig,
}

impl Engine {
    /// Makes ready to execute something in a running container; gives the exec's id.
    ///
    /// # Errors
    /// Conflict when the container does not run or is frozen; what makes no sense.
    pub async fn create_exec(&self, name: &str, config: ExecConfig) -> Result<String> {
        let container = self.inner.roster.find(name)?;
        active(&container, name)?;
        if config.cmd.is_empty() {
            return Err(Error::InvalidParameter("No exec command specified".to_owned()));
        }
        let words = config.cmd.iter().chain(&config.env).chain([&config.working_dir]);
        if words.into_iter().any(|word| word.contains('\0')) {
            return Err(Error::InvalidParameter("a word of the command holds a zero byte".to_owned()));
        }
        keys(&config)?;
        let (id, now) = (random_hex::<32>()?, self.inner.seams.clock.now());
        let exec = Exec { id: id.clone(), container, config, state: watch::Sender::new(ExecState::Created) };
        let exec = Arc::new(exec);
        self.inner.execs.add(exec.clone(), now);
        self.tell_exec(&exec, &format!("exec_create: {}", exec.config.cmd.join(" ")), &[]);
        Ok(id)
    }

    /// Whether there is such an exec and its container can run it: what [`Engine::start_exec`] would refuse at once.
    ///
    /// # Errors
    /// Not found; conflict when the container does not run or is frozen.
    pub fn check_exec(&self, id: &str) -> Result<()> {
        let exec = self.exec(id)?;
        active(&exec.container, exec.container.id()).map(drop)
    }

    /// Starts it. It goes on when the client leaves.
    ///
    /// # Errors
    /// As [`Engine::check_exec`]; when it was started before; docker's sentence when its program is not there.
    pub async fn start_exec(&self, id: &str, start: ExecStart) -> Result<ExecStarted> {
        self.check_exec(id)?;
        let exec = self.exec(id)?;
        let mut before = ExecState::Starting;
        exec.state.send_if_modified(|state| {
            before = *state;
            let first = before == ExecState::Created;
            if first {
                *state = ExecState::Starting;
            }
            first
        });
        match before {
            ExecState::Created => {}
            ExecState::Ended { .. } => {
                return Err(Error::Conflict(format!("Error: Exec command {id} has already run")));
            }
            _ => return Err(Error::Conflict(format!("Error: Exec command {id} is already running"))),
        }
        let engine = self.clone();
        to_the_end(async move { engine.start_now_exec(exec, start).await }).await
    }

    async fn start_now_exec(&self, exec: Arc<Exec>, start: ExecStart) -> Result<ExecStarted> {
        let place = self.inner.paths.exec(&exec.id);
        match self.bring_up_exec(&exec, start, &place).await {
            Ok(attached) => {
                self.tell_exec(&exec, &format!("exec_start: {}", exec.config.cmd.join(" ")), &[]);
                self.watch_exec(exec.clone());
                Ok(attached.map_or(ExecStarted::Detached, |attached| {
                    ExecStarted::Attached(self.attachment_of(&exec, attached))
                }))
            }
            Err((error, code)) => {
                let at = self.inner.seams.clock.now();
                exec.state.send_replace(ExecState::Ended { code, at });
                remove(&place).await;
                Err(error)
            }
        }
    }

    async fn bring_up_exec(
        &self,
        exec: &Arc<Exec>,
        start: ExecStart,
        place: &Path,
    ) -> Result<Option<Attached>, (Error, i64)> {
        let failed = |error: Error| (error, NOT_EXECUTABLE);
        let (runtime, config) = (&self.inner.seams.runtime, &exec.config);
        self.write_process(exec, start, place).await.map_err(failed)?;
        let open_input = config.attach_stdin && !start.detach;
        let pid = runtime.exec(exec.container.id(), place, open_input).await.map_err(refused)?;
        let record = Record { container: exec.container.id().to_owned(), pid, config: config.clone() };
        let text = serde_json::to_vec(&record).unwrap_or_default();
        let file = place.join(RECORD);
        tokio::fs::write(&file, text).await.map_err(|e| failed(io_error("write", &file)(e)))?;
        let attached = if start.detach {
            None
        } else {
            let request = AttachRequest {
                input: config.attach_stdin,
                close_input: config.attach_stdin,
                stdout: config.attach_stdout,
                stderr: config.attach_stderr,
                pending: false,
                lossless: true,
            };
            let attached = runtime.attach(place, request).await;
            Some(attached.map_err(|e| failed(Error::Internal(format!("could not attach to a process: {e}"))))?)
        };
        // Before it runs: a program that ends at once has ended after that.
        exec.state.send_replace(ExecState::Running { pid });
        runtime.start_exec(place).await.map_err(refused)?;
        Ok(attached)
    }

    fn attachment_of(&self, exec: &Arc<Exec>, attached: Attached) -> Attachment {
        let Attached { output, input, .. } = attached;
        let (engine, left) = (self.clone(), exec.clone());
        let keys = keys(&exec.config).unwrap_or_default();
        let input = if exec.config.attach_stdin { AttachedInput::open(input) } else { AttachedInput::none() };
        let input = input.with(true, exec.config.tty, keys, move || engine.tell_exec(&left, "exec_detach", &[]));
        // Who sees the end of the output may ask for the exit code: it is known by then.
        let ending = exec.clone();
        let ended = stream::once(async move { ending.ended().await }).filter_map(|_| std::future::ready(None));
        Attachment { tty: exec.config.tty, output: frames(self, output).chain(ended).boxed(), input }
    }

    /// Writes down what the runtime is to execute: the container's own process with what was asked.
    async fn write_process(&self, exec: &Exec, start: ExecStart, place: &Path) -> Result<()> {
        let definition = exec.container.definition.clone();
        let (bundle, rootfs) = (self.inner.paths.bundle(&definition.id), self.inner.paths.rootfs(&definition.id));
        let hostname = spec::hostname(&definition, &self.inner.config.hostname).to_owned();
        let mut config = exec.config.clone();
        config.console_size = start.console_size.or(config.console_size);
        let place = place.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            let file = bundle.join("config.json");
            let text = std::fs::read(&file).map_err(io_error("read", &file))?;
            let mut container: serde_json::Value = serde_json::from_slice(&text)
                .map_err(|e| Error::Internal(format!("the specification of a container cannot be read: {e}")))?;
            let root = Rootfs::open(&rootfs).map_err(io_error("open", &rootfs))?;
            let user = if config.user.is_empty() { &definition.config.user } else { &config.user };
            let user = ResolvedUser::look_up(&root, user, &definition.host.group_add)?;
            let process = spec::exec_process(container["process"].take(), &definition, &config, &user, &hostname)?;
            std::fs::create_dir_all(&place).map_err(io_error("create", &place))?;
            let file = place.join("process.json");
            std::fs::write(&file, process.to_string()).map_err(io_error("write", &file))
        });
        written.await.unwrap_or_else(|e| Err(Error::Internal(format!("the engine failed in the middle: {e}"))))
    }

    fn watch_exec(&self, exec: Arc<Exec>) {
        let engine = self.clone();
        tokio::spawn(async move {
            let place = engine.inner.paths.exec(&exec.id);
            let record = engine.inner.seams.runtime.wait(&place).await;
            let (code, at) = match record {
                Some(ExitRecord { code, at, .. }) => (code, at),
                None => (UNSEEN_EXIT, engine.inner.seams.clock.now()),
            };
            remove(&place).await;
            exec.state.send_replace(ExecState::Ended { code, at });
            engine.tell_exec(&exec, "exec_die", &[("exitCode", code.to_string())]);
        });
    }

    /// Everything about one.
    ///
    /// # Errors
    /// Not found.
    pub fn inspect_exec(&self, id: &str) -> Result<ExecDetails> {
        Ok(self.exec(id)?.details())
    }

    /// Gives its terminal another size; one that is being started is waited for.
    ///
    /// # Errors
    /// Not found; conflict when it does not run.
    pub async fn resize_exec(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        self.check_exec(id)?;
        let exec = self.exec(id)?;
        let mut state = exec.state.subscribe();
        let begun = state.wait_for(|state| !matches!(state, ExecState::Created | ExecState::Starting));
        let begun = tokio::time::timeout(RESIZE_PATIENCE, begun).await.map(|state| state.map(|state| *state));
        match begun {
            Ok(Ok(ExecState::Running { .. })) => {}
            Ok(_) => return Err(Error::Conflict(format!("Error: Exec command {id} has already run"))),
            Err(_) => return Err(Error::Internal("timeout waiting for exec session ready".to_owned())),
        }
        let resized = self.inner.seams.runtime.resize(&self.inner.paths.exec(id), rows, columns).await;
        resized.map_err(|e| Error::Internal(format!("could not resize the terminal of an exec: {e}")))
    }

    /// Runs a command in a running container to its end, with the container's user, directory and environment. One that
    /// takes longer than `limit` is killed.
    ///
    /// # Errors
    /// When the container does not run, and when the command could not be started.
    pub async fn run_command(&self, name: &str, cmd: Vec<String>, limit: Duration) -> Result<CommandOutcome> {
        let config = ExecConfig { cmd, attach_stdout: true, attach_stderr: true, ..ExecConfig::default() };
        let id = self.create_exec(name, config).await?;
        let started_at = self.inner.seams.clock.now();
        let started = self.start_exec(&id, ExecStart::default()).await?;
        let ExecStarted::Attached(Attachment { mut output, .. }) = started else {
            return Err(Error::Internal("a command was started without its output".to_owned()));
        };
        let (mut kept, mut truncated) = (Vec::new(), false);
        let read_all = async {
            while let Some(frame) = output.next().await {
                let Ok(LogFrame { bytes, .. }) = frame else { continue };
                let room = KEPT_OUTPUT - kept.len();
                truncated |= bytes.len() > room;
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        };
        let in_time = tokio::time::timeout(limit, read_all).await.is_ok();
        let exec = self.exec(&id)?;
        if !in_time && let Err(e) = self.inner.seams.runtime.kill_exec(&self.inner.paths.exec(&id), SIGKILL).await {
            tracing::debug!("a command that took too long ended by itself: {e}");
        }
        let code = exec.ended().await;
        let ended_at = self.inner.seams.clock.now();
        Ok(CommandOutcome { exit_code: in_time.then_some(code), output: kept, truncated, started_at, ended_at })
    }

    /// Takes up what an earlier engine has executed in a container that still runs, and forgets the rest.
    pub(super) async fn recover_execs(&self) -> Result<()> {
        for id in super::recover::names_in(&self.inner.paths.execs()).await? {
            let place = self.inner.paths.exec(&id);
            let record = tokio::fs::read(place.join(RECORD)).await.ok();
            let record = record.and_then(|text| serde_json::from_slice::<Record>(&text).ok());
            let container = record.as_ref().and_then(|record| self.inner.roster.find(&record.container).ok());
            let (Some(Record { pid, config, .. }), Some(container)) = (record, container) else {
                remove(&place).await;
                continue;
            };
            let state = watch::Sender::new(ExecState::Running { pid });
            let exec = Arc::new(Exec { id, container, config, state });
            self.inner.execs.add(exec.clone(), self.inner.seams.clock.now());
            self.watch_exec(exec);
        }
        Ok(())
    }

    fn exec(&self, id: &str) -> Result<Arc<Exec>> {
        let missing = || Error::NotFound(format!("No such exec instance: {id}"));
        let exec = self.inner.execs.find(id).ok_or_else(missing)?;
        if exec.container.now().is_err() {
            return Err(missing());
        }
        Ok(exec)
    }

    fn tell_exec(&self, exec: &Exec, action: &str, special: &[(&str, String)]) {
        let Ok(live) = exec.container.now() else { return };
        let special: Vec<_> = special.iter().cloned().chain([("execID", exec.id.clone())]).collect();
        self.tell(&exec.container, &live, action, &special);
    }
}

/// The output of a process as the engine tells it.
pub(super) fn frames(engine: &Engine, output: crate::seam::ProcessOutput) -> LogStream {
    let clock = engine.inner.seams.clock.clone();
    output
        .map(move |piece| match piece {
            Ok((stdio, bytes)) => Ok(LogFrame { stdio, at: clock.now(), bytes }),
            Err(e) => Err(Error::Internal(format!("could not read on from a process: {e}"))),
        })
        .boxed()
}

/// Docker's words for why nothing can be executed in a container (moby `daemon/exec.go`, `getActiveContainer`).
fn active(container: &Container, name: &str) -> Result<()> {
    let live = container.now()?;
    match live.life.status() {
        ContainerState::Running => Ok(()),
        ContainerState::Paused => {
            Err(Error::Conflict(format!("Container {name} is paused, unpause the container before exec")))
        }
        ContainerState::Restarting => Err(Error::Conflict(format!(
            "Container {} is restarting, wait until the container is running",
            container.id()
        ))),
        _ => Err(Error::NotRunning(container.id().to_owned())),
    }
}

fn keys(config: &ExecConfig) -> Result<DetachKeys> {
    let Some(text) = config.detach_keys.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(DetachKeys::default());
    };
    let invalid = |_| Error::InvalidParameter(format!("Invalid escape keys ({text}) provided"));
    DetachKeys::parse(text).map_err(invalid)
}

fn refused(error: StartError) -> (Error, i64) {
    let (code, callers_fault) = match &error {
        StartError::NotFound(_) => (NOT_FOUND, true),
        StartError::NotExecutable(_) => (NOT_EXECUTABLE, true),
        StartError::Other(_) => (NOT_EXECUTABLE, false),
    };
    let message = format!("OCI runtime exec failed: exec failed: unable to start container process: {error}: unknown");
    (Error::StartFailed { message, callers_fault }, code)
}

async fn remove(place: &Path) {
    match tokio::fs::remove_dir_all(place).await {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => tracing::warn!("{} stays: {e}", place.display()),
        _ => {}
    }
}
