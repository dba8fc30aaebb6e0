//! The container's standard streams, as the monitor holds them.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};

use super::{
    input::Input,
    lines::Lines,
    log::{Log, Source},
    pace::Pace,
};
use crate::{
    clock,
    failure::{Context, Failure},
    init::{Streams, open_null},
};

/// Bytes that a pipe for output may hold. They take memory only while they are in it.
const PIPE: i32 = 256 * 1024;

/// The monitor's ends of a container's standard streams.
pub(super) struct Ends {
    /// `None` when the container's input is empty.
    input: Option<OwnedFd>,
    output: OwnedFd,
    error: OwnedFd,
}

/// Pipes for a container without a terminal; without `open_input` its input is empty.
pub(super) fn pipes(open_input: bool) -> Result<(Streams, Ends), Failure> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).context("create a pipe");
    let (output, output_of_container) = wide(pipe()?);
    let (error, error_of_container) = wide(pipe()?);
    let (input_of_container, input) = match open_input {
        true => pipe().map(|(of_container, input)| (of_container, Some(input)))?,
        false => (open_null()?, None),
    };
    let given = Streams::Given { input: input_of_container, output: output_of_container, error: error_of_container };
    Ok((given, Ends { input, output, error }))
}

/// Has the pipe hold [`PIPE`] bytes. A narrow one does too: whoever writes waits more often.
fn wide(ends: (OwnedFd, OwnedFd)) -> (OwnedFd, OwnedFd) {
    fcntl(&ends.0, FcntlArg::F_SETPIPE_SZ(PIPE)).ok();
    ends
}

/// The monitor's ends as it works with them: those of pipes, or the one of a terminal.
pub(super) fn hold(
    ends: Option<Ends>,
    terminal: Option<OwnedFd>,
    open_input: bool,
) -> Result<(Vec<Stream>, Option<Input>), Failure> {
    let mut streams = Vec::new();
    let mut input = None;
    if let Some(terminal) = terminal {
        // What is written to a terminal takes the way its output comes from.
        let way_in = open_input.then(|| terminal.try_clone()).transpose().context("copy the terminal")?;
        input = way_in.map(|descriptor| Input::new(descriptor, true));
        streams.push(Stream::new(terminal, Source::Output, true)?);
    }
    if let Some(ends) = ends {
        if let Some(descriptor) = ends.input {
            fcntl(&descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("prepare a stream")?;
            input = Some(Input::new(descriptor, false));
        }
        streams.push(Stream::new(ends.output, Source::Output, false)?);
        streams.push(Stream::new(ends.error, Source::Error, false)?);
    }
    Ok((streams, input))
}

/// One stream being read.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    source: Source,
    is_terminal: bool,
    lines: Lines,
    pace: Pace,
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
    fn new(descriptor: OwnedFd, source: Source, is_terminal: bool) -> Result<Self, Failure> {
        fcntl(&descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("prepare a stream")?;
        Ok(Self { file: descriptor.into(), source, is_terminal, lines: Lines::default(), pace: Pace::default() })
    }

    /// Which stream it is.
    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// Whether it is a terminal's.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// What has been read and is not logged yet: the beginning of a line.
    pub(super) fn pending(&self) -> &[u8] {
        self.lines.pending()
    }

    /// Reads once into `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<(usize, Progress), Failure> {
        match self.file.read(buffer) {
            Ok(0) => Ok((0, Progress::Ended)),
            Ok(length) => Ok((length, Progress::Open)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok((0, Progress::Open))
            }
            // A terminal says so when everyone has closed its other end.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok((0, Progress::Ended)),
            Err(error) => Err(error).context("read the container's output"),
        }
    }

    /// How long to rest before the next reading, when `length` bytes of `asked` were read now. A terminal gives little at
    /// a time however much there is.
    pub(super) fn rest(&mut self, length: usize, asked: usize) -> Option<Duration> {
        if self.is_terminal { None } else { self.pace.rest(length, length < asked, Instant::now()) }
    }

    /// Logs `output`, which was just read from it.
    pub(super) fn log(&mut self, output: &[u8], log: &mut Log) {
        let (now, source) = (clock::now(), self.source);
        self.lines.push(output, |piece| log.append(source, piece, &now));
    }

    /// Logs the last line, when it has no newline.
    pub(super) fn finish(&mut self, log: &mut Log) {
        let (now, source) = (clock::now(), self.source);
        self.lines.finish(|piece| log.append(source, piece, &now));
    }

    /// How much may still be read once the process has ended. Others may hold the other end and write for ever: of a
    /// pipe only what is in it now is taken.
    pub(super) fn last_words(&self) -> Result<usize, Failure> {
        if self.is_terminal { Ok(usize::MAX) } else { readable(&self.file).context("inspect a stream") }
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
