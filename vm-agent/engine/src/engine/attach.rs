//! Attaching to containers.

use super::{Engine, exec::frames};
use crate::{
    Error, Result,
    attach::{AttachOptions, AttachedInput, Attachment, DetachKeys, WaitingClient},
    container::ContainerState,
    log::{LogOptions, LogStream},
    roster::Container,
    seam::{AttachRequest, Attached, ProcessOutput, RuntimeError},
};
use futures_util::{FutureExt, StreamExt, stream};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Engine {
    /// Makes a client part of a container's standard streams. One that does not run yet is waited for, and such a client
    /// gets every byte: the container waits for it when it must. A client that comes later is disconnected when it is too
    /// far behind. The attachment ends with the container's end.
    ///
    /// # Errors
    /// No such container; conflict when it is frozen or between two runs; keys that are none.
    pub async fn attach_container(&self, name: &str, options: AttachOptions) -> Result<Attachment> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        match live.life.status() {
            ContainerState::Paused => {
                let why = format!("container {name} is paused, unpause the container before attach");
                return Err(Error::Conflict(why));
            }
            ContainerState::Restarting => {
                let why = format!("container {name} is restarting, wait until the container is running");
                return Err(Error::Conflict(why));
            }
            _ => {}
        }
        let AttachOptions { stdin, stdout, stderr, logs, stream, detach_keys } = options;
        let keys = match detach_keys.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => DetachKeys::parse(text)
                .map_err(|_| Error::InvalidParameter(format!("Invalid detach keys ({text}) provided")))?,
            None => DetachKeys::default(),
        };
        let config = &container.definition.config;
        let (tty, stdin) = (config.tty, stdin && config.open_stdin);
        let kept = LogOptions { stdout, stderr, ..LogOptions::default() };
        if !stream {
            let output = if logs { self.kept_output(&container, kept).await? } else { stream::empty().boxed() };
            return Ok(Attachment { tty, output, input: AttachedInput::none() });
        }
        let request = AttachRequest {
            input: stdin,
            close_input: stdin && config.stdin_once,
            stdout,
            stderr,
            pending: logs,
            lossless: false,
        };
        let mut waiting = container.waiting.lock().await;
        let up = waiting.up || container.now()?.life.runs();
        let (output, input) = if up {
            drop(waiting);
            match self.attach_now(&container, request).await? {
                Some(Attached { at, output, input }) => {
                    let options = LogOptions { until: Some(at), ..kept };
                    let before =
                        if logs { self.kept_output(&container, options).await? } else { stream::empty().boxed() };
                    (before.chain(frames(self, output)).boxed(), AttachedInput::open(input))
                }
                // It has just ended: there is nothing more to come.
                None => (
                    if logs { self.kept_output(&container, kept).await? } else { stream::empty().boxed() },
                    AttachedInput::none(),
                ),
            }
        } else {
            let (output, output_comes) = oneshot::channel();
            let (input, input_comes) = oneshot::channel();
            waiting.clients.push(WaitingClient {
                request: AttachRequest { lossless: true, pending: false, ..request },
                output,
                input,
            });
            drop(waiting);
            let before = if logs { self.kept_output(&container, kept).await? } else { stream::empty().boxed() };
            (before.chain(self.coming(output_comes)).boxed(), AttachedInput::coming(input_comes))
        };
        let input = if stdin { input } else { AttachedInput::none() };
        let (engine, left) = (self.clone(), container.clone());
        let input = input.with(config.stdin_once, tty, keys, move || {
            if let Ok(live) = left.now() {
                engine.tell(&left, &live, "detach", &[]);
            }
        });
        self.tell(&container, &*container.now()?, "attach", &[]);
        Ok(Attachment { tty, output, input })
    }

    /// Gives a container's terminal another size.
    ///
    /// # Errors
    /// Conflict when it does not run.
    pub async fn resize_container(&self, name: &str, rows: u16, columns: u16) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        if !live.life.runs() {
            return Err(Error::NotRunning(container.id().to_owned()));
        }
        let resized = self.inner.seams.runtime.resize(&self.inner.paths.bundle(container.id()), rows, columns).await;
        resized.map_err(|e| match e {
            RuntimeError::Gone => Error::NotRunning(container.id().to_owned()),
            RuntimeError::Failed(why) => Error::Internal(format!("could not resize the terminal: {why}")),
        })?;
        let size = [("height", rows.to_string()), ("width", columns.to_string())];
        self.tell(&container, &live, "resize", &size);
        Ok(())
    }

    /// The process is there and does not run anything yet: connects those who waited for it.
    pub(super) async fn serve_waiting(&self, container: &Container) {
        let mut waiting = container.waiting.lock().await;
        waiting.up = true;
        let bundle = self.inner.paths.bundle(container.id());
        for client in std::mem::take(&mut waiting.clients) {
            let attached = self.inner.seams.runtime.attach(&bundle, client.request).await;
            client.serve(attached);
        }
    }

    /// Attaches to a process that runs; `None` when it has just ended.
    async fn attach_now(&self, container: &Arc<Container>, request: AttachRequest) -> Result<Option<Attached>> {
        match self.inner.seams.runtime.attach(&self.inner.paths.bundle(container.id()), request).await {
            Ok(attached) => Ok(Some(attached)),
            Err(RuntimeError::Gone) => Ok(None),
            Err(RuntimeError::Failed(why)) => Err(Error::Internal(format!("could not attach to the container: {why}"))),
        }
    }

    /// Output that begins when the process does.
    fn coming(&self, output: oneshot::Receiver<ProcessOutput>) -> LogStream {
        let engine = self.clone();
        let output = output.map(move |output| match output {
            Ok(output) => frames(&engine, output),
            // It was not started after all, or is gone.
            Err(_) => stream::empty().boxed(),
        });
        output.flatten_stream().boxed()
    }

    async fn kept_output(&self, container: &Container, options: LogOptions) -> Result<LogStream> {
        self.read_log(container, options).await
    }
}
