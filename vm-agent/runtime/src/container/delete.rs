//! `delete`.

use super::{
    id::ContainerId,
    init_process::wait_for_end,
    store::{Record, Status, Store},
};
use crate::{
    cgroup::Cgroup,
    failure::{Context, Failure},
    kernel::process::send_signal,
};

/// How long the kernel may take to end a killed process, in milliseconds.
const END: u16 = 10_000;

/// Removes what is left of container `id`. A running one is killed first with `force`, and so is a created one always,
/// as in runc. With `force`, a container that does not exist is no error.
///
/// # Errors
/// A running container without `force`, and processes that do not end.
pub(crate) fn delete(store: &Store, id: &ContainerId, force: bool) -> Result<(), Failure> {
    let entry = store.entry(id);
    let Some(record) = entry.find()? else {
        // What a creation that was killed half-way has left has no record.
        return match force && entry.exists() {
            true => entry.remove(),
            false if force => Ok(()),
            false => Err(Failure::other(format!("container {id} does not exist"))),
        };
    };
    if matches!(entry.status(&record), Status::Running | Status::Paused) && !force {
        return Err(Failure::other(format!("cannot delete container {id}: it is running; stop it or use --force")));
    }
    end(&record)?;
    entry.remove()
}

fn end(record: &Record) -> Result<(), Failure> {
    let cgroup = record.cgroup.as_deref().map(Cgroup::at).transpose()?;
    let init = record.init.open()?;
    if let Some(init) = &init {
        // It may end by itself at any time.
        send_signal(init, libc::SIGKILL).ok();
    }
    if let Some(cgroup) = &cgroup {
        cgroup.kill()?;
    }
    if let Some(init) = &init
        && !wait_for_end(init, END)?
    {
        return Err(Failure::other("the container's init does not end; look for input or output it waits on"));
    }
    cgroup.as_ref().map_or(Ok(()), Cgroup::remove).context("delete the container's cgroup")
}
