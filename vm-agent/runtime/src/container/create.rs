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
use oci_spec::runtime::LinuxIdMapping;

use super::{
    id::ContainerId,
    init_process::InitProcess,
    store::{Entry, Record, Store},
};
use crate::{
    bundle::Bundle,
    cgroup::Cgroup,
    clock,
    failure::{Context, Failure},
    init::{Granted, HostProc, Init, Namespaces, ParentEnd, Report, Streams, pair},
    kernel::{
        clone::{Cloned, clone},
        process::send_signal,
    },
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

    let way_back = namespaces.join_before_clone()?;
    let cloned = clone(namespaces.clone_flags(), directory.as_ref().map(AsFd::as_fd));
    let init = Init {
        bundle,
        namespaces: &namespaces,
        filter,
        granted,
        proc: &proc,
        channel: init_channel,
        gate: &gate,
        streams,
    };
    let (pid, pidfd) = match cloned {
        Ok(Cloned::Child) => {
            // With the parent's end open here too, its death would go unnoticed.
            drop(channel);
            init.run()
        }
        Ok(Cloned::Parent { child, pidfd }) => (child, pidfd),
        Err(errno) => return Err(errno).context("clone the container's init"),
    };
    drop(init);
    let result = way_back.take().and_then(|()| finish(entry, bundle, &namespaces, &proc, &channel, pid, cgroup));
    if result.is_err() {
        // It may have ended by itself; either way it is waited for.
        send_signal(&pidfd, libc::SIGKILL).ok();
        waitpid(pid, None).ok();
    }
    result.map(|terminal| (pid, terminal))
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
    map_ids(bundle, namespaces, proc, pid)?;
    if let Some(score) = bundle.process()?.oom_score_adj() {
        set_oom_score(proc, pid, score)?;
    }
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

fn map_ids(bundle: &Bundle, namespaces: &Namespaces, proc: &HostProc, pid: Pid) -> Result<(), Failure> {
    if !namespaces.creates(CloneFlags::CLONE_NEWUSER) {
        return Ok(());
    }
    let linux = bundle.linux()?;
    for (file, mappings) in [("uid_map", linux.uid_mappings()), ("gid_map", linux.gid_mappings())] {
        let mappings = mappings.as_deref().unwrap_or_default();
        if mappings.is_empty() {
            return Err(Failure::other("a user namespace needs linux.uidMappings and linux.gidMappings"));
        }
        let line = |map: &LinuxIdMapping| format!("{} {} {}\n", map.container_id(), map.host_id(), map.size());
        let text: String = mappings.iter().map(line).collect();
        proc.write(Path::new(&format!("{pid}/{file}")), &text).context(format_args!("write {file}"))?;
    }
    Ok(())
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
