//! Making a container: everything up to the point where its program would run.

use std::{
    io::ErrorKind,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use caps::CapSet;
use nix::{
    sched::CloneFlags,
    sys::wait::{WaitStatus, waitpid},
    unistd::Pid,
};

use super::{
    birth::{Birth, Born, birth},
    id::ContainerId,
    init_process::InitProcess,
    store::{Entry, Record, Store},
};
use crate::{
    bundle::Bundle,
    cgroup::Cgroup,
    clock,
    failure::{Context, Failure},
    init::{
        Granted, HostProc, Init, Namespaces, ParentEnd, Report, Sources, Streams, give_streams, pair, raise_limits,
        root_of,
    },
    kernel::process::send_signal,
    seccomp,
};

/// A container whose init waits to be started. It is a child of this process.
#[derive(Debug)]
pub(crate) struct Created {
    /// Its init, as this process numbers it.
    pub(crate) pid: Pid,
    /// The controlling end of its terminal, when it has one.
    pub(crate) terminal: Option<OwnedFd>,
    /// Its cgroup, when the bundle names one.
    pub(crate) cgroup: Option<Cgroup>,
}

/// Makes container `id` from `bundle`. When it fails, nothing of the container is left.
///
/// # Errors
/// Whatever keeps it from being made; `NotFound` and `NotExecutable` when that is the program.
pub(crate) fn create(store: &Store, id: &ContainerId, bundle: &Bundle, streams: Streams) -> Result<Created, Failure> {
    let entry = store.reserve(id)?;
    let result = create_in(&entry, bundle, streams);
    if result.is_err() {
        // The first error is the one to tell.
        entry.remove().ok();
    }
    result
}

fn create_in(entry: &Entry, bundle: &Bundle, streams: Streams) -> Result<Created, Failure> {
    let cgroup = bundle.linux()?.cgroups_path().as_deref().map(Cgroup::at).transpose()?;
    if let Some(cgroup) = &cgroup {
        cgroup.create(bundle.linux()?.resources().as_ref())?;
    }
    let result = spawn(entry, bundle, streams, cgroup.as_ref());
    if let (Err(_), Some(cgroup)) = (&result, &cgroup) {
        // As above.
        cgroup.remove().ok();
    }
    let (pid, terminal) = result?;
    Ok(Created { pid, terminal, cgroup })
}

fn spawn(
    entry: &Entry,
    bundle: &Bundle,
    streams: Streams,
    cgroup: Option<&Cgroup>,
) -> Result<(Pid, Option<OwnedFd>), Failure> {
    let namespaces = bundle.namespaces()?;
    let granted = Granted::from_spec(bundle.process()?.capabilities().as_ref())?;
    let filter = bundle.linux()?.seccomp().as_ref().map(seccomp::compile).transpose()?;
    let proc = HostProc::open()?;
    let gate = entry.make_gate()?;
    let (channel, init_channel) = pair()?;
    let directory = cgroup.map(Cgroup::open).transpose()?;
    let sources = Sources::open(bundle, &namespaces, &proc)?;

    let cloned = birth(&namespaces, directory.as_ref().map(AsFd::as_fd));
    let mut init = Init {
        bundle,
        namespaces: &namespaces,
        filter,
        granted,
        proc: &proc,
        channel: init_channel,
        gate: &gate,
        streams,
        sources: Some(sources),
    };
    let Born { pid, pidfd, way_back } = match cloned? {
        Birth::Init => {
            // With the parent's end open here too, its death would go unnoticed.
            drop(channel);
            init.run()
        }
        Birth::Parent(born) => born,
    };
    init.sources = None;
    let settled = way_back.take().and_then(|()| settle(bundle, &namespaces, &proc, &init.streams, pid));
    drop(init);
    let result = settled.and_then(|()| finish(entry, bundle, &namespaces, &proc, &channel, pid, cgroup));
    if result.is_err() {
        // It may have ended by itself; either way it is waited for.
        send_signal(&pidfd, libc::SIGKILL).ok();
        waitpid(pid, None).ok();
    }
    result.map(|terminal| (pid, terminal))
}

/// Says who the ids in the init's user namespace are.
fn settle(
    bundle: &Bundle,
    namespaces: &Namespaces,
    proc: &HostProc,
    streams: &Streams,
    pid: Pid,
) -> Result<(), Failure> {
    if namespaces.creates(CloneFlags::CLONE_NEWUSER)
        && let Some(maps) = bundle.id_maps()?
    {
        maps.write(proc, pid)?;
    }
    if namespaces.separates(CloneFlags::CLONE_NEWUSER) {
        give_to_root(proc, pid, streams)?;
    }
    Ok(())
}

/// The parent's part of the set-up.
fn finish(
    entry: &Entry,
    bundle: &Bundle,
    namespaces: &Namespaces,
    proc: &HostProc,
    channel: &ParentEnd,
    pid: Pid,
    cgroup: Option<&Cgroup>,
) -> Result<Option<OwnedFd>, Failure> {
    if let Some(score) = bundle.process()?.oom_score_adj() {
        set_oom_score(proc, pid, score)?;
    }
    raise_limits(bundle.process()?.rlimits().as_deref().unwrap_or_default(), pid)?;
    channel.go()?;
    let mut terminal = None;
    loop {
        match channel.report()? {
            Report::Ready => break,
            Report::Terminal(controller) => terminal = Some(controller),
            Report::Failed(failure) => return Err(failure),
            Report::Silence => return Err(Failure::other(format!("the container's init {}", fate(pid)))),
        }
    }
    entry.write(&Record {
        oci_version: bundle.spec.version().clone(),
        bundle: bundle.directory.clone(),
        init: InitProcess::of(pid)?,
        created: clock::now(),
        cgroup: cgroup.and(bundle.linux()?.cgroups_path().clone()),
        own_pid_namespace: namespaces.creates(CloneFlags::CLONE_NEWPID),
        annotations: bundle.spec.annotations().clone().unwrap_or_default(),
    })?;
    Ok(terminal)
}

pub(super) fn fate(pid: Pid) -> String {
    match waitpid(pid, None) {
        Ok(WaitStatus::Signaled(_, signal, _)) => format!("was killed by {signal} while it was set up"),
        Ok(WaitStatus::Exited(_, code)) => format!("ended with status {code} while it was set up"),
        _ => "ended while it was set up".to_owned(),
    }
}

/// Gives `streams` to root of the user namespace that process `pid` is in.
pub(super) fn give_to_root(proc: &HostProc, pid: Pid, streams: &Streams) -> Result<(), Failure> {
    match root_of(proc, pid)? {
        None | Some((0, 0)) => Ok(()),
        Some(root) => give_streams(streams, root),
    }
}

pub(super) fn set_oom_score(proc: &HostProc, pid: Pid, score: i32) -> Result<(), Failure> {
    match proc.write(Path::new(&format!("{pid}/oom_score_adj")), &score.to_string()) {
        // Without CAP_SYS_RESOURCE the score can only be raised (proc_pid_oom_score_adj(5)): the inherited one stays.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && !may_lower_scores() => Ok(()),
        result => result.context("set process.oomScoreAdj"),
    }
}

fn may_lower_scores() -> bool {
    caps::has_cap(None, CapSet::Effective, caps::Capability::CAP_SYS_RESOURCE).unwrap_or(false)
}
