//! The clone of a container's init, in its namespaces and in its cgroup.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{BorrowedFd, OwnedFd},
};

use nix::{
    fcntl::OFlag,
    sched::CloneFlags,
    sys::{prctl, wait::waitpid},
    unistd::{ForkResult, Pid, pipe2},
};

use crate::{
    failure::{Context, Failure},
    init::{Namespaces, WayBack},
    kernel::{
        clone::{Cloned, Of, clone},
        process::{exit_now, fork, open_pidfd},
    },
};

/// Which side of the clone this is.
pub(super) enum Birth {
    /// The init.
    Init,
    /// Its parent.
    Parent(Born),
}

/// What its parent has of an init.
pub(super) struct Born {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    /// Where this process was before.
    pub(super) way_back: WayBack,
}

/// Clones the init.
///
/// # Errors
/// A namespace that cannot be joined, and those of the clone. This process may have joined others by then.
pub(super) fn birth(namespaces: &Namespaces, cgroup: Option<BorrowedFd<'_>>) -> Result<Birth, Failure> {
    if namespaces.joined(CloneFlags::CLONE_NEWUSER).is_some() {
        return by_go_between(namespaces, cgroup);
    }
    let way_back = namespaces.join_before_clone()?;
    match clone(namespaces.clone_flags(), cgroup, Of::Caller).context("clone the container's init")? {
        Cloned::Child => Ok(Birth::Init),
        Cloned::Parent { child, pidfd } => Ok(Birth::Parent(Born { pid: child, pidfd, way_back })),
    }
}

/// What the init makes has to be owned by the user namespace that it joins, so the process that clones it has to be in
/// that one already; and nobody comes back from there. A process in between goes, clones the init as a sibling of its
/// own, and ends.
fn by_go_between(namespaces: &Namespaces, cgroup: Option<BorrowedFd<'_>>) -> Result<Birth, Failure> {
    let (answers, answer) = pipe2(OFlag::O_CLOEXEC).context("create a pipe")?;
    match fork().context("fork")? {
        ForkResult::Child => {
            drop(answers);
            let told: Result<i32, Failure> = match clone_there(namespaces, cgroup) {
                Ok(Cloned::Child) => return Ok(Birth::Init),
                Ok(Cloned::Parent { child, .. }) => Ok(child.as_raw()),
                Err(failure) => Err(failure),
            };
            let text = serde_json::to_vec(&told).unwrap_or_default();
            // Who does not hear it sees a process that ended without a word.
            File::from(answer).write_all(&text).ok();
            exit_now(0)
        }
        ForkResult::Parent { child: go_between } => {
            drop(answer);
            waitpid(go_between, None).context("wait for the clone of the container's init")?;
            let mut text = Vec::new();
            File::from(answers).take(64 * 1024).read_to_end(&mut text).context("hear of the container's init")?;
            let told: Result<i32, Failure> =
                serde_json::from_slice(&text).context("the process that clones the container's init ended")?;
            let pid = Pid::from_raw(told?);
            let pidfd = open_pidfd(pid).context("open the container's init")?;
            Ok(Birth::Parent(Born { pid, pidfd, way_back: WayBack::none() }))
        }
    }
}

fn clone_there(namespaces: &Namespaces, cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned, Failure> {
    // Those in the namespaces may not look into the init, not even at its birth.
    prctl::set_dumpable(false).context("protect the process")?;
    namespaces.join_for_good()?;
    clone(namespaces.clone_flags(), cgroup, Of::Parent).context("clone the container's init")
}
