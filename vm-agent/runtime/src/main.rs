//! `berth-runtime`: makes containers from OCI bundles, and watches over each.
//!
//! It is reached by exec only, has one thread, and knows no network, no images and no API.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bundle;
mod cgroup;
mod clock;
mod container;
mod failure;
mod features;
mod init;
mod invocation;
mod kernel;
mod monitor;
mod own_executable;
mod seccomp;
mod small_init;
mod users;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::ExitCode,
};

use bundle::Bundle;
use container::Store;
use failure::{Context, Failure};
use init::Streams;
use invocation::{Invocation, Verb};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if small_init::is_asked_for(arguments.next().as_ref()) {
        kernel::process::exit_now(small_init::run(arguments));
    }
    match prepare() {
        Ok(invocation) => {
            let error_log = invocation.error_log.clone();
            run(invocation).unwrap_or_else(|failure| {
                report(&failure, error_log.as_deref());
                ExitCode::FAILURE
            })
        }
        Err(failure) => {
            report(&failure, None);
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<Invocation, Failure> {
    // Nothing that the caller forgot to close reaches a container (CVE-2024-21626). No descriptor is owned here yet.
    kernel::process::close_from(3).context("close inherited descriptors")?;
    Invocation::parse(std::env::args_os().skip(1))
}

fn run(invocation: Invocation) -> Result<ExitCode, Failure> {
    let store = Store::new(invocation.root);
    match invocation.verb {
        Verb::Create { id, bundle, pid_file, console_socket } => {
            own_executable::protect()?;
            create(&store, &id, &Bundle::load(&bundle)?, pid_file.as_deref(), console_socket.as_deref())?;
        }
        Verb::Start { id } => container::start(&store, &id)?,
        Verb::State { id } => print_json(&container::describe(&store, &id)?)?,
        Verb::Kill { id, signal, all } => container::kill(&store, &id, signal, all)?,
        Verb::Delete { id, force } => container::delete(&store, &id, force)?,
        Verb::Pause { id } => container::pause(&store, &id)?,
        Verb::Resume { id } => container::resume(&store, &id)?,
        Verb::Update { id, resources } => container::update(&store, &id, &container::read_resources(&resources)?)?,
        Verb::Exec { id, process, pid_file, console_socket, detach } => {
            own_executable::protect()?;
            let process = bundle::load_process(&process)?;
            return exec(&store, &id, &process, pid_file.as_deref(), console_socket.as_deref(), detach);
        }
        Verb::PinUsers { maps, users, network } => users::pin(&maps, &users, &network)?,
        Verb::BindMapped { users, source, target } => users::bind_mapped(&users, &source, &target)?,
        Verb::Features => print_json(&features::features())?,
        Verb::Monitor { id, bundle, log, open_input } => {
            own_executable::protect()?;
            return monitor::monitor(&store, &id, &bundle, log.as_ref(), open_input);
        }
        Verb::CompressLog { file } => monitor::compress(&file)?,
        Verb::MonitorExec { id, directory, open_input } => {
            own_executable::protect()?;
            return monitor::monitor_exec(&store, &id, &directory, open_input);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn create(
    store: &Store,
    id: &container::ContainerId,
    bundle: &Bundle,
    pid_file: Option<&Path>,
    console_socket: Option<&Path>,
) -> Result<(), Failure> {
    let (streams, console) = streams(bundle.wants_terminal()?, console_socket)?;
    let created = container::create(store, id, bundle, streams)?;
    hand_over(&created, console.as_ref(), pid_file).inspect_err(|_| {
        // The first error is the one to tell.
        container::delete(store, id, true).ok();
    })
}

/// Runs `process` in container `id`; its exit code, unless it is left to itself (`detach`).
fn exec(
    store: &Store,
    id: &container::ContainerId,
    process: &oci_spec::runtime::Process,
    pid_file: Option<&Path>,
    console_socket: Option<&Path>,
    detach: bool,
) -> Result<ExitCode, Failure> {
    let (streams, console) = streams(process.terminal().unwrap_or(false), console_socket)?;
    let (created, starter) = container::exec(store, id, process, streams)?;
    let begun = hand_over(&created, console.as_ref(), pid_file).and_then(|()| starter.start());
    if begun.is_ok() && detach {
        return Ok(ExitCode::SUCCESS);
    }
    // One that did not begin ends by itself: the gate is gone.
    let code = container::exit_code(created.pid)?;
    begun.map(|()| ExitCode::from(code))
}

/// Where a new process's standard streams go, and who gets the controlling end of its terminal.
fn streams(terminal: bool, console_socket: Option<&Path>) -> Result<(Streams, Option<OwnedFd>), Failure> {
    match (terminal, console_socket) {
        (true, Some(socket)) => {
            let console = UnixStream::connect(socket).context(format_args!("connect to {}", socket.display()))?;
            Ok((Streams::Terminal, Some(console.into())))
        }
        (true, None) => Err(Failure::other("process.terminal is set; give --console-socket")),
        (false, Some(_)) => Err(Failure::other("--console-socket is given, but process.terminal is not set")),
        (false, None) => Ok((Streams::Inherited, None)),
    }
}

fn hand_over(created: &container::Created, console: Option<&OwnedFd>, pid_file: Option<&Path>) -> Result<(), Failure> {
    if let (Some(console), Some(terminal)) = (console, &created.terminal) {
        init::pass(console, b"/dev/ptmx", terminal)?;
    }
    match pid_file {
        Some(file) => fs::write(file, created.pid.to_string()).context(format_args!("write {}", file.display())),
        None => Ok(()),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).context("answer")?;
    writeln!(std::io::stdout(), "{text}").context("write the answer")
}

/// One line on standard error, and one in the log file: containerd and others read the latter.
fn report(failure: &Failure, error_log: Option<&Path>) {
    let line = failure.message.replace('\n', " ");
    // Nobody is left to hear about an error of these.
    writeln!(std::io::stderr(), "berth-runtime: {line}").ok();
    if let Some(mut log) = error_log.and_then(|path| OpenOptions::new().append(true).create(true).open(path).ok()) {
        let entry = serde_json::json!({ "level": "error", "msg": line, "time": clock::now() });
        writeln!(log, "{entry}").ok();
    }
}
