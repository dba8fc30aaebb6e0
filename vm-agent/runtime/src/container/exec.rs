//! `exec`: one more process in a container that runs.

use std::os::fd::{AsFd, OwnedFd};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sched::CloneFlags,
    sys::{
        prctl,
        wait::{WaitStatus, waitpid},
    },
    unistd::{Pid, pipe2},
};
use oci_spec::runtime::Process;

use super::{
    create::{Created, fate, give_to_root, set_oom_score},
    id::ContainerId,
    store::{Record, Status, Store},
};
use crate::{
    bundle::{Bundle, check_process},
    cgroup::Cgroup,
    failure::{Context, Failure},
    init::{Granted, HostProc, Joiner, ParentEnd, Report, Streams, WayBack, differing, pair, raise_limits},
    kernel::{
        clone::{Cloned, Of, clone},
        process::send_signal,
    },
    seccomp,
};

/// Lets a process that waits in its container run its program. Dropped, the process ends.
#[derive(Debug)]
pub(crate) struct Starter {
    gate: OwnedFd,
    channel: ParentEnd,
}

impl Starter {
    /// Returns once the program runs.
    ///
    /// # Errors
    /// What keeps the kernel from executing it.
    pub(crate) fn start(self) -> Result<(), Failure> {
        nix::unistd::write(&self.gate, b"0").context("start the process")?;
        match self.channel.report()? {
            Report::Failed(failure) => Err(failure),
            // The kernel closes the channel with the exec.
            Report::Silence | Report::Ready | Report::Terminal(_) => Ok(()),
        }
    }
}

/// Makes `process` in container `id`, up to the point where its program would run. It is a child of this process.
///
/// # Errors
/// When the container does not run, and whatever keeps the process from being made; `NotFound` and `NotExecutable` when
/// that is its program.
pub(crate) fn exec(
    store: &Store,
    id: &ContainerId,
    process: &Process,
    streams: Streams,
) -> Result<(Created, Starter), Failure> {
    check_process(process)?;
    let entry = store.entry(id);
    let record = entry.record()?;
    if entry.status(&record) == Status::Stopped {
        return Err(Failure::other(format!("cannot exec in container {id}: it has ended")));
    }
    let cgroup = record.cgroup.as_deref().map(Cgroup::at).transpose()?;
    if cgroup.as_ref().is_some_and(Cgroup::is_frozen) {
        return Err(Failure::other(format!("cannot exec in container {id}: it is paused; resume it first")));
    }
    let init = record.init.open()?.ok_or_else(|| Failure::other(format!("container {id} is not running")))?;
    let granted = Granted::from_spec(process.capabilities().as_ref())?;
    // The filter is the container's: what a process in it may do does not depend on how it came there.
    let filter = Bundle::load(&record.bundle)?.linux()?.seccomp().as_ref().map(seccomp::compile).transpose()?;
    let namespaces = differing(record.init.pid())?;
    let proc = HostProc::open()?;
    give_to_root(&proc, record.init.pid(), &streams)?;
    let (gate_of_process, gate) = pipe2(OFlag::O_CLOEXEC).context("create a pipe")?;
    let (channel, channel_of_process) = pair()?;

    // Copied to the child: those in the container may not look into it, not even at its birth.
    prctl::set_dumpable(false).context("protect the process")?;
    let cloned = clone_into(&record, &init, namespaces, cgroup.as_ref());
    let joiner = Joiner {
        process,
        init: &init,
        namespaces: namespaces - CloneFlags::CLONE_NEWPID,
        filter,
        granted,
        channel: channel_of_process,
        gate: gate_of_process,
        streams,
    };
    let (pid, pidfd) = match cloned? {
        Cloned::Child => joiner.run(),
        Cloned::Parent { child, pidfd } => (child, pidfd),
    };
    drop(joiner);
    let result = finish(process, &proc, &channel, pid);
    if result.is_err() {
        // It may have ended by itself; either way it is waited for.
        send_signal(&pidfd, libc::SIGKILL).ok();
        waitpid(pid, None).ok();
    }
    Ok((Created { pid, terminal: result?, cgroup: None }, Starter { gate, channel }))
}

/// Waits for child `pid`; its exit status, 128 + the signal for one that was killed.
///
/// # Errors
/// Those of waitpid(2).
pub(crate) fn exit_code(pid: Pid) -> Result<u8, Failure> {
    let code = loop {
        match waitpid(pid, None) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Exited(_, code)) => break code,
            Ok(WaitStatus::Signaled(_, signal, _)) => break 128 + signal as i32,
            result => drop(result.context("wait for the process")?),
        }
    };
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Clones into the container's pid namespace and its cgroup, or its init's where the container has divided its own.
fn clone_into(
    record: &Record,
    init: &OwnedFd,
    namespaces: CloneFlags,
    cgroup: Option<&Cgroup>,
) -> Result<Cloned, Failure> {
    let pid_namespace = CloneFlags::CLONE_NEWPID;
    let directory = cgroup.map(Cgroup::open).transpose()?;
    let way_back =
        namespaces.contains(pid_namespace).then(|| WayBack::after_joining(init, pid_namespace)).transpose()?;
    let mut cloned = clone(0, directory.as_ref().map(AsFd::as_fd), Of::Caller);
    if let (Err(Errno::EBUSY), Some(_)) = (&cloned, cgroup) {
        let directory = Cgroup::of(record.init.pid())?.open()?;
        cloned = clone(0, Some(directory.as_fd()), Of::Caller);
    }
    if let (Ok(Cloned::Child), _) = (&cloned, ()) {
        // It stays where it was born; the rest of its way is the joiner's.
        return Ok(Cloned::Child);
    }
    way_back.map_or(Ok(()), WayBack::take)?;
    cloned.context("clone the process")
}

/// The parent's part of the set-up.
fn finish(process: &Process, proc: &HostProc, channel: &ParentEnd, pid: Pid) -> Result<Option<OwnedFd>, Failure> {
    if let Some(score) = process.oom_score_adj() {
        set_oom_score(proc, pid, score)?;
    }
    raise_limits(process.rlimits().as_deref().unwrap_or_default(), pid)?;
    channel.go()?;
    let mut terminal = None;
    loop {
        match channel.report()? {
            Report::Ready => return Ok(terminal),
            Report::Terminal(controller) => terminal = Some(controller),
            Report::Failed(failure) => return Err(failure),
            Report::Silence => return Err(Failure::other(format!("the process {}", fate(pid)))),
        }
    }
}
