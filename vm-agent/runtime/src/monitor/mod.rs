//! The monitor: one small process per container that holds its streams, keeps its log, and records its end. It outlives
//! the engine, and ends with the container. What is executed in a container besides has a monitor of its own.

mod announcement;
mod client;
mod exit;
#[cfg(test)]
mod fuzz;
mod input;
mod lines;
mod log;
mod pace;
mod serve;
mod socket;
mod streams;
mod watch;

use std::{fs, path::Path, process::ExitCode};

use nix::{
    sys::{
        prctl,
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::setsid,
};

use self::watch::{Held, Watch};
use crate::{
    bundle::{Bundle, load_process},
    container::{ContainerId, Store, create, exec},
    failure::{Context, Failure},
    init::Streams,
};

pub(crate) use self::log::{LogOptions, compress};

/// Creates container `id` from the bundle at `directory`, says on standard output how that went, and stays until the
/// container has ended. Its output is kept in `log`; with `open_input` clients may write to its standard input.
///
/// # Errors
/// What keeps the monitor itself from working once the container exists; a container that cannot be made has been
/// announced and ends in [`ExitCode::FAILURE`].
pub(crate) fn monitor(
    store: &Store,
    id: &ContainerId,
    directory: &Path,
    log: Option<&LogOptions>,
    open_input: bool,
) -> Result<ExitCode, Failure> {
    stay(begin(store, id, directory, log, open_input))
}

/// Creates the process that `directory/process.json` describes in container `id`, says on standard output how that
/// went, and stays until it has ended. It runs once a client sends `start`; its output goes to attached clients only.
///
/// # Errors
/// As [`monitor`].
pub(crate) fn monitor_exec(
    store: &Store,
    id: &ContainerId,
    directory: &Path,
    open_input: bool,
) -> Result<ExitCode, Failure> {
    stay(begin_exec(store, id, directory, open_input))
}

fn stay(watch: Result<Watch, Failure>) -> Result<ExitCode, Failure> {
    announcement::announce(&watch)?;
    let Ok(watch) = watch else { return Ok(ExitCode::FAILURE) };
    watch.run()?;
    Ok(ExitCode::SUCCESS)
}

fn begin(
    store: &Store,
    id: &ContainerId,
    directory: &Path,
    log: Option<&LogOptions>,
    open_input: bool,
) -> Result<Watch, Failure> {
    let children = detach()?;
    let bundle = Bundle::load(directory)?;
    let log = log.map(log::Log::open).transpose()?;
    let socket = socket::Socket::bind(&bundle.directory)?;
    let (streams, ends) = connect(bundle.wants_terminal()?, open_input)?;
    let mut created = create(store, id, &bundle, streams).inspect_err(|_| socket.unlink())?;
    let (streams, input) = streams::hold(ends, created.terminal.take(), open_input)?;
    let directory = bundle.directory;
    Watch::new(Held { created, starter: None, streams, input, children, socket, log, directory })
}

fn begin_exec(store: &Store, id: &ContainerId, directory: &Path, open_input: bool) -> Result<Watch, Failure> {
    let children = detach()?;
    let process = load_process(&directory.join("process.json"))?;
    let socket = socket::Socket::bind(directory)?;
    let (streams, ends) = connect(process.terminal().unwrap_or(false), open_input)?;
    let (mut created, starter) = exec(store, id, &process, streams).inspect_err(|_| socket.unlink())?;
    let (streams, input) = streams::hold(ends, created.terminal.take(), open_input)?;
    let (directory, starter) = (directory.to_owned(), Some(starter));
    Watch::new(Held { created, starter, streams, input, children, socket, log: None, directory })
}

fn connect(terminal: bool, open_input: bool) -> Result<(Streams, Option<streams::Ends>), Failure> {
    if terminal {
        return Ok((Streams::Terminal, None));
    }
    let (given, ends) = streams::pipes(open_input)?;
    Ok((given, Some(ends)))
}

/// Leaves the engine's session, process group and cgroup, so that nothing meant for the engine ends the monitor.
/// Returns the descriptor that tells of ended children.
fn detach() -> Result<SignalFd, Failure> {
    // Fails only for a leader of a process group, which an engine that starts us in a group of our own makes of us.
    setsid().ok();
    prctl::set_name(c"berth-monitor").context("name the process")?;
    // What the container leaves behind when its processes are not in a pid namespace is reaped here.
    prctl::set_child_subreaper(true).context("become a subreaper")?;
    std::env::set_current_dir("/").context("leave the working directory")?;
    ignore_signals()?;
    leave_cgroup();
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block().context("block SIGCHLD")?;
    SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).context("watch for ended children")
}

#[expect(unsafe_code, reason = "sigaction")]
fn ignore_signals() -> Result<(), Failure> {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGPIPE] {
        // SAFETY: ignoring a signal runs no code of this process.
        unsafe { sigaction(signal, &ignore) }.context(format_args!("ignore {signal}"))?;
    }
    Ok(())
}

/// The engine's cgroup may be killed as a whole when the engine is restarted. Where there is no such cgroup (outside of
/// the guest), there is nothing to leave.
fn leave_cgroup() {
    let system = Path::new("/sys/fs/cgroup/system");
    if system.is_dir() {
        let monitors = system.join("monitors");
        fs::create_dir(&monitors).ok();
        fs::write(monitors.join("cgroup.procs"), "0").ok();
    }
}
