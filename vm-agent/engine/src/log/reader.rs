//! A container's log files as a stream of frames.

use super::{
    LogFrame, LogOptions, LogStream, LogWatch, Stdio,
    details::details,
    entry,
    files::{Source, Step},
};
use crate::{Error, Result, Timestamp, container::Live};
use bytes::Bytes;
use futures_util::StreamExt;
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;

/// Frames that may wait for a slow reader. The writer is never held up: it writes to the file.
const AHEAD: usize = 256;
/// Read at once, bytes.
const CHUNK: usize = 256 << 10;
/// A line of the file is at most one piece of 16 KiB, escaped; a longer one is damage and is skipped. Bytes.
const LONGEST_LINE: usize = 1 << 20;

/// What to read.
pub(crate) struct Reading<'a> {
    /// The log file.
    pub(crate) path: &'a Path,
    /// Which of it.
    pub(crate) options: LogOptions,
    /// The wall clock.
    pub(crate) now: Timestamp,
}

/// Reads a log of the container whose life is `live`.
pub(crate) async fn read(
    reading: Reading<'_>,
    watcher: &LogWatch,
    mut live: watch::Receiver<Option<Arc<Live>>>,
) -> Result<LogStream> {
    let Reading { path, options, now } = reading;
    // The watch comes first: what is written after it is told, what was written before it is read.
    let mut watched = options.follow.then(|| watcher.follow(path));
    let (tail, follow) = (options.tail, options.follow);
    let opened = {
        let path = path.to_owned();
        blocking(move || Source::open(&path, tail, follow))
    };
    let mut source =
        opened.await.map_err(|e| Error::Internal(format!("could not read the log {}: {e}", path.display())))?;

    let (frames, stream) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut lines = Lines::new(options, now);
        let mut chunk = vec![0; CHUNK];
        loop {
            // Looked at before the read: after the end nothing is written any more.
            let ended = live.borrow_and_update().as_ref().is_none_or(|live| !live.life.runs());
            let step = blocking(move || source.read(&mut chunk).map(|step| (step, source, chunk)));
            match step.await {
                Ok((step, had_source, had_chunk)) => {
                    (source, chunk) = (had_source, had_chunk);
                    match step {
                        Step::Nothing => {
                            let Some(watched) = watched.as_mut().filter(|_| !ended) else { return };
                            tokio::select! {
                                () = watched.grown() => {}
                                changed = live.changed() => {
                                    if changed.is_err() {
                                        return;
                                    }
                                }
                                () = frames.closed() => return,
                                () = lines.out_of_time() => return,
                            }
                        }
                        Step::Turned => lines.begun.clear(),
                        Step::Bytes(read) => {
                            for frame in lines.frames(&chunk[..read]) {
                                if frames.send(Ok(frame)).await.is_err() {
                                    return;
                                }
                            }
                            if lines.past_until {
                                return;
                            }
                        }
                    }
                }
                Err(e) => {
                    // A reader that is gone does not want to know.
                    drop(frames.send(Err(Error::Internal(format!("could not read the log: {e}")))).await);
                    return;
                }
            }
        }
    });
    Ok(ReceiverStream::new(stream).boxed())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Cuts bytes into lines and lines into frames.
pub(super) struct Lines {
    options: LogOptions,
    /// The beginning of a line whose end has not been read.
    begun: Vec<u8>,
    /// In the middle of a container's line, by output: the time was printed.
    middle: [bool; 2],
    past_until: bool,
    deadline: Option<Instant>,
}

impl Lines {
    pub(super) fn new(options: LogOptions, now: Timestamp) -> Self {
        let deadline = options.until.and_then(|until| {
            let left = Duration::from_nanos(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0));
            Instant::now().checked_add(left)
        });
        Self { options, begun: Vec::new(), middle: [false; 2], past_until: false, deadline }
    }

    /// Resolves when nothing that is still to come can be wanted.
    async fn out_of_time(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn frames(&mut self, bytes: &[u8]) -> Vec<LogFrame> {
        let mut frames = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begun.is_empty() && piece.ends_with(b"\n") {
                frames.extend(self.frame(piece));
                continue;
            }
            if self.begun.len() <= LONGEST_LINE {
                self.begun.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.begun);
                frames.extend(self.frame(&line));
            }
        }
        frames
    }

    fn frame(&mut self, line: &[u8]) -> Option<LogFrame> {
        let entry::Entry { stdio, at, text, attributes } = entry::parse(line)?;
        let LogOptions { stdout, stderr, since, until, timestamps, details: with_details, .. } = self.options;
        if until.is_some_and(|until| at > until) {
            self.past_until = true;
        }
        let wanted = match stdio {
            Stdio::Stdout => stdout,
            Stdio::Stderr => stderr,
        };
        let middle = &mut self.middle[usize::from(stdio == Stdio::Stderr)];
        let begins = !std::mem::replace(middle, !text.ends_with('\n'));
        if !wanted || self.past_until || since.is_some_and(|since| at < since) {
            return None;
        }
        let mut front = String::new();
        if timestamps && begins {
            front = at.rfc3339_fixed() + " ";
        }
        if with_details && begins {
            front = front + &details(&attributes) + " ";
        }
        Some(LogFrame { stdio, at, bytes: Bytes::from(if front.is_empty() { text } else { front + &text }) })
    }
}

#[cfg(test)]
mod tests;
