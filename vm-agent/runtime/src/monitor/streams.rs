//! The container's standard streams, as the monitor holds them.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};

use super::{
    lines::Lines,
    log::{Log, Source},
};
use crate::{
    clock,
    failure::{Context, Failure},
    init::{Streams, open_null},
};

/// The reading ends of a container's output and error.
pub(super) struct Ends {
    output: OwnedFd,
    error: OwnedFd,
}

/// Pipes for a container without a terminal; its input is empty.
pub(super) fn pipes() -> Result<(Streams, Ends), Failure> {
    let (output, output_of_container) = pipe2(OFlag::O_CLOEXEC).context("create a pipe")?;
    let (error, error_of_container) = pipe2(OFlag::O_CLOEXEC).context("create a pipe")?;
    let given = Streams::Given { input: open_null()?, output: output_of_container, error: error_of_container };
    Ok((given, Ends { output, error }))
}

/// One stream being read.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    source: Source,
    is_terminal: bool,
    lines: Lines,
}

/// What reading a stream came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// There is more, now or later.
    Open,
    /// Nothing will come any more.
    Ended,
}

impl Stream {
    /// The streams of `ends`, or the one of `terminal`.
    pub(super) fn all(ends: Option<Ends>, terminal: Option<OwnedFd>) -> Result<Vec<Self>, Failure> {
        let stream = |descriptor, source, is_terminal| Self::new(descriptor, source, is_terminal);
        let terminal = terminal.map(|terminal| stream(terminal, Source::Output, true));
        let pipes = ends.map(|ends| [(ends.output, Source::Output), (ends.error, Source::Error)]);
        let pipes = pipes.into_iter().flatten().map(|(descriptor, source)| stream(descriptor, source, false));
        terminal.into_iter().chain(pipes).collect()
    }

    fn new(descriptor: OwnedFd, source: Source, is_terminal: bool) -> Result<Self, Failure> {
        fcntl(&descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("prepare a stream")?;
        Ok(Self { file: descriptor.into(), source, is_terminal, lines: Lines::default() })
    }

    /// Reads once, into `log` by way of `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8], log: &mut Log) -> Result<(usize, Progress), Failure> {
        match self.file.read(buffer) {
            Ok(0) => Ok((0, Progress::Ended)),
            Ok(length) => {
                let (now, source) = (clock::now(), self.source);
                self.lines.push(&buffer[..length], |piece| log.append(source, piece, &now));
                Ok((length, Progress::Open))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok((0, Progress::Open))
            }
            // A terminal says so when everyone has closed its other end.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok((0, Progress::Ended)),
            Err(error) => Err(error).context("read the container's output"),
        }
    }

    /// Reads what the container wrote before it ended. Others may hold the other end and write for ever: of a pipe only
    /// what is in it now is taken, and a terminal is given up once `may_wait` says so.
    pub(super) fn drain(
        &mut self,
        buffer: &mut [u8],
        log: &mut Log,
        mut may_wait: impl FnMut(BorrowedFd<'_>) -> bool,
    ) -> Result<(), Failure> {
        let mut left = if self.is_terminal { usize::MAX } else { readable(&self.file).context("inspect a stream")? };
        while left > 0 {
            let limit = buffer.len().min(left);
            match self.read(&mut buffer[..limit], log)? {
                (_, Progress::Ended) => break,
                (0, Progress::Open) if !self.is_terminal || !may_wait(self.file.as_fd()) => break,
                (length, Progress::Open) => left -= length,
            }
        }
        let (now, source) = (clock::now(), self.source);
        self.lines.finish(|piece| log.append(source, piece, &now));
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// FIONREAD: how many bytes are waiting in a pipe.
#[expect(unsafe_code, reason = "an ioctl")]
fn readable(pipe: &File) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD stores one integer, which lives across the call.
    Errno::result(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    usize::try_from(count).map_err(|_| Errno::EINVAL)
}
