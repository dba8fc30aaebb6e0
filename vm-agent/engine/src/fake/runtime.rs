//! Containers without processes.

use crate::{
    Timestamp,
    log::{LogTarget, Stdio},
    seam::{AttachRequest, Attached, ExitRecord, Liveness, ProcessInput, Runtime, RuntimeError, StartError},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering},
    },
};
use tokio::sync::{broadcast, watch};

#[derive(Default)]
pub struct FakeRuntime {
    processes: Mutex<BTreeMap<String, Process>>,
    next_failure: Mutex<Option<StartError>>,
    next_refusal: Mutex<Option<String>>,
    /// Signals that processes take no notice of.
    ignored: Mutex<BTreeSet<i32>>,
    next_pid: AtomicI32,
    /// Whoever has this keeps containers from being made.
    gate: tokio::sync::Mutex<()>,
    specs: Mutex<BTreeMap<String, serde_json::Value>>,
    sizes: Mutex<Vec<(String, u16, u16)>>,
    /// What dead engines wait for: it never comes.
    abandoned: Mutex<Vec<watch::Sender<Option<ExitRecord>>>>,
}

struct Process {
    pid: i32,
    started: bool,
    frozen: bool,
    limits: serde_json::Value,
    /// `None` for an exec.
    log: Option<LogTarget>,
    end: watch::Sender<Option<ExitRecord>>,
    signals: Vec<i32>,
    output: broadcast::Sender<(Stdio, Bytes)>,
    typed: Typed,
}

/// What a process got as input, and whether that has ended.
#[derive(Clone, Default)]
pub struct Typed(Arc<Mutex<(Vec<u8>, bool)>>);

impl Typed {
    /// So far.
    pub fn so_far(&self) -> (Vec<u8>, bool) {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl ProcessInput for Typed {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
        Ok(())
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().1 = true;
        Ok(())
    }
}

impl Process {
    fn new(pid: i32, log: Option<LogTarget>) -> Self {
        let output = broadcast::Sender::new(1024);
        let end = watch::Sender::new(None);
        Self {
            pid,
            started: false,
            frozen: false,
            limits: serde_json::Value::Null,
            log,
            end,
            signals: vec![],
            output,
            typed: Typed::default(),
        }
    }
}

impl FakeRuntime {
    /// The next creation fails so.
    pub fn fail_next(&self, error: StartError) {
        *self.next_failure.lock().unwrap() = Some(error);
    }

    /// No container is made before this is dropped.
    pub async fn held_back(&self) -> impl Drop + '_ {
        self.gate.lock().await
    }

    /// Processes take no notice of this signal.
    pub fn ignore(&self, signal: i32) {
        self.ignored.lock().unwrap().insert(signal);
    }

    /// The process ends by itself.
    pub fn end(&self, id: &str, code: i64, at: Timestamp) {
        let record = ExitRecord { code, oom_killed: false, at };
        self.processes.lock().unwrap()[id].end.send_replace(Some(record));
    }

    /// The kernel kills the process.
    pub fn end_for_want_of_memory(&self, id: &str, at: Timestamp) {
        let record = ExitRecord { code: 137, oom_killed: true, at };
        self.processes.lock().unwrap()[id].end.send_replace(Some(record));
    }

    /// The engine died: its tasks, which a test cannot kill, learn nothing any more.
    pub fn abandon_waiters(&self) {
        for process in self.processes.lock().unwrap().values_mut() {
            let end = process.end.borrow().clone();
            let old = std::mem::replace(&mut process.end, watch::Sender::new(end));
            self.abandoned.lock().unwrap().push(old);
        }
    }

    /// The machine is restarted: every process is gone without a record.
    pub fn lose_everything(&self) {
        self.processes.lock().unwrap().clear();
    }

    /// A process and its monitor are gone without a record.
    pub fn lose(&self, id: &str) {
        self.processes.lock().unwrap().remove(id);
    }

    /// The process prints.
    pub fn print(&self, id: &str, stdio: Stdio, text: &str, at: Timestamp) {
        let (log, output) = {
            let processes = self.processes.lock().unwrap();
            (processes[id].log.clone(), processes[id].output.clone())
        };
        // Nobody may be attached.
        drop(output.send((stdio, Bytes::copy_from_slice(text.as_bytes()))));
        let Some(log) = log else { return };
        let stream = if stdio == Stdio::Stdout { "stdout" } else { "stderr" };
        let line = serde_json::json!({ "log": text, "stream": stream, "time": at.rfc3339() });
        let mut file = std::fs::File::options().append(true).create(true).open(log.path).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// How a container's output is kept.
    pub fn log(&self, id: &str) -> Option<LogTarget> {
        self.processes.lock().unwrap()[id].log.clone()
    }

    /// What was typed at a process, of a container or an exec.
    pub fn typed(&self, id: &str) -> Typed {
        self.processes.lock().unwrap()[id].typed.clone()
    }

    /// The sizes terminals were given: id, rows, columns.
    pub fn sizes(&self) -> Vec<(String, u16, u16)> {
        self.sizes.lock().unwrap().clone()
    }

    /// The signals a process got.
    pub fn signals(&self, id: &str) -> Vec<i32> {
        self.processes.lock().unwrap().get(id).map(|process| process.signals.clone()).unwrap_or_default()
    }

    /// Whether it stands still.
    pub fn frozen(&self, id: &str) -> bool {
        self.processes.lock().unwrap()[id].frozen
    }

    /// The limits of its last update.
    pub fn limits(&self, id: &str) -> serde_json::Value {
        self.processes.lock().unwrap()[id].limits.clone()
    }

    /// The next update fails so.
    pub fn refuse_next_update(&self, why: &str) {
        *self.next_refusal.lock().unwrap() = Some(why.to_owned());
    }

    /// The processes executed in containers that have not ended.
    pub fn running_execs(&self) -> Vec<String> {
        let processes = self.processes.lock().unwrap();
        let execs = processes.iter().filter(|(_, p)| p.log.is_none() && p.started && p.end.borrow().is_none());
        execs.map(|(id, _)| id.clone()).collect()
    }

    /// The containers the runtime keeps.
    pub fn known(&self) -> Vec<String> {
        self.processes.lock().unwrap().keys().cloned().collect()
    }

    /// The specification a container was last created from.
    pub fn spec(&self, id: &str) -> serde_json::Value {
        self.specs.lock().unwrap()[id].clone()
    }
}

impl FakeRuntime {
    fn with(&self, id: &str, change: impl FnOnce(&mut Process)) -> Result<(), RuntimeError> {
        let mut processes = self.processes.lock().unwrap();
        let process = processes.get_mut(id).filter(|p| p.end.borrow().is_none()).ok_or(RuntimeError::Gone)?;
        change(process);
        Ok(())
    }
}

fn id_of(bundle: &Path) -> String {
    bundle.file_name().unwrap().to_string_lossy().into_owned()
}

#[async_trait]
impl Runtime for FakeRuntime {
    async fn pin_users(&self, _first: u32, users: &Path, _network: &Path) -> Result<(), RuntimeError> {
        std::fs::write(users, "").map_err(|e| RuntimeError::Failed(e.to_string()))
    }

    async fn bind_mapped(&self, _users: &Path, _source: &Path, target: &Path) -> Result<(), RuntimeError> {
        assert!(target.is_dir());
        Ok(())
    }

    async fn create(
        &self,
        id: &str,
        bundle: &Path,
        log: Option<&LogTarget>,
        _open_input: bool,
    ) -> Result<i32, StartError> {
        drop(self.gate.lock().await);
        if let Some(error) = self.next_failure.lock().unwrap().take() {
            return Err(error);
        }
        let spec = std::fs::read(bundle.join("config.json")).map_err(|e| StartError::Other(e.to_string()))?;
        self.specs.lock().unwrap().insert(id.to_owned(), serde_json::from_slice(&spec).unwrap());
        let pid = 100 + self.next_pid.fetch_add(1, Ordering::Relaxed);
        let process = Process::new(pid, log.cloned());
        let earlier = self.processes.lock().unwrap().insert(id.to_owned(), process);
        assert!(earlier.is_none(), "a container was created twice");
        Ok(pid)
    }

    async fn start(&self, id: &str) -> Result<(), RuntimeError> {
        let mut processes = self.processes.lock().unwrap();
        processes.get_mut(id).ok_or(RuntimeError::Gone)?.started = true;
        Ok(())
    }

    async fn kill(&self, id: &str, signal: i32) -> Result<(), RuntimeError> {
        let mut processes = self.processes.lock().unwrap();
        let process = processes.get_mut(id).filter(|p| p.end.borrow().is_none()).ok_or(RuntimeError::Gone)?;
        process.signals.push(signal);
        if process.frozen && signal != 9 {
            return Ok(());
        }
        if signal == 9 || !self.ignored.lock().unwrap().contains(&signal) {
            let record = ExitRecord {
                code: 128 + i64::from(signal),
                oom_killed: false,
                at: Timestamp(1_900_000_000_000_000_000),
            };
            process.end.send_replace(Some(record));
        }
        Ok(())
    }

    async fn pause(&self, id: &str) -> Result<(), RuntimeError> {
        self.with(id, |process| process.frozen = true)
    }

    async fn resume(&self, id: &str) -> Result<(), RuntimeError> {
        self.with(id, |process| process.frozen = false)?;
        // A signal that came meanwhile is delivered now.
        match self.signals(id).last() {
            Some(signal) if !self.ignored.lock().unwrap().contains(signal) => self.kill(id, *signal).await,
            _ => Ok(()),
        }
    }

    async fn update(&self, id: &str, resources: &serde_json::Value) -> Result<(), RuntimeError> {
        if let Some(why) = self.next_refusal.lock().unwrap().take() {
            return Err(RuntimeError::Failed(why));
        }
        self.with(id, |process| process.limits = resources.clone())
    }

    async fn delete(&self, id: &str) -> Result<(), RuntimeError> {
        self.processes.lock().unwrap().remove(id);
        Ok(())
    }

    async fn exec(&self, id: &str, place: &Path, _open_input: bool) -> Result<i32, StartError> {
        if let Some(error) = self.next_failure.lock().unwrap().take() {
            return Err(error);
        }
        let process = std::fs::read(place.join("process.json")).map_err(|e| StartError::Other(e.to_string()))?;
        self.specs.lock().unwrap().insert(id_of(place), serde_json::from_slice(&process).unwrap());
        let mut processes = self.processes.lock().unwrap();
        assert!(processes[id].started, "an exec in a container that does not run");
        let pid = 100 + self.next_pid.fetch_add(1, Ordering::Relaxed);
        processes.insert(id_of(place), Process::new(pid, None));
        Ok(pid)
    }

    async fn start_exec(&self, place: &Path) -> Result<(), StartError> {
        let started = self.start(&id_of(place)).await;
        started.map_err(|e| StartError::Other(e.to_string()))
    }

    async fn kill_exec(&self, place: &Path, signal: i32) -> Result<(), RuntimeError> {
        self.kill(&id_of(place), signal).await
    }

    async fn attach(&self, place: &Path, request: AttachRequest) -> Result<Attached, RuntimeError> {
        let processes = self.processes.lock().unwrap();
        let process = processes.get(&id_of(place)).ok_or(RuntimeError::Gone)?;
        let wanted = move |stdio| if stdio == Stdio::Stdout { request.stdout } else { request.stderr };
        let output = futures_util::stream::unfold(
            (process.output.subscribe(), process.end.subscribe()),
            move |(mut output, mut end)| async move {
                loop {
                    let (stdio, bytes) = tokio::select! {
                        biased;
                        piece = output.recv() => piece.ok()?,
                        _ = end.wait_for(Option::is_some) => output.try_recv().ok()?,
                    };
                    if wanted(stdio) {
                        return Some((Ok((stdio, bytes)), (output, end)));
                    }
                }
            },
        )
        .boxed();
        Ok(Attached { at: Timestamp(i64::MAX), output, input: Box::new(process.typed.clone()) })
    }

    async fn resize(&self, place: &Path, rows: u16, columns: u16) -> Result<(), RuntimeError> {
        self.sizes.lock().unwrap().push((id_of(place), rows, columns));
        Ok(())
    }

    async fn wait(&self, bundle: &Path) -> Option<ExitRecord> {
        let mut end = self.processes.lock().unwrap().get(&id_of(bundle))?.end.subscribe();
        end.wait_for(Option::is_some).await.ok()?.clone()
    }

    async fn probe(&self, id: &str, _bundle: &Path) -> Liveness {
        let processes = self.processes.lock().unwrap();
        let Some(process) = processes.get(id) else { return Liveness::Absent };
        let end = process.end.borrow().clone();
        match (end, process.started) {
            (Some(record), _) => Liveness::Ended(record),
            (None, true) => Liveness::Running { pid: process.pid, frozen: process.frozen },
            (None, false) => Liveness::Unusable,
        }
    }
}
