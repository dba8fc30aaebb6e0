//! `pause` and `resume`.

use super::{
    id::ContainerId,
    store::{Entry, Record, Status, Store},
};
use crate::{cgroup::Cgroup, failure::Failure};

/// Stops every process of container `id` where it is.
///
/// # Errors
/// When it does not run, is paused already, or has no cgroup of its own.
pub(crate) fn pause(store: &Store, id: &ContainerId) -> Result<(), Failure> {
    let entry = store.entry(id);
    let record = entry.record()?;
    match entry.status(&record) {
        Status::Created | Status::Running => cgroup(&entry, &record)?.freeze(true),
        Status::Paused => Err(Failure::other(format!("container {id} is paused already"))),
        Status::Stopped => Err(Failure::other(format!("container {id} is not running"))),
    }
}

/// Lets them go on.
///
/// # Errors
/// When it is not paused.
pub(crate) fn resume(store: &Store, id: &ContainerId) -> Result<(), Failure> {
    let entry = store.entry(id);
    let record = entry.record()?;
    match entry.status(&record) {
        Status::Paused => cgroup(&entry, &record)?.freeze(false),
        _ => Err(Failure::other(format!("container {id} is not paused"))),
    }
}

/// The cgroup that is the container's own.
///
/// # Errors
/// When its bundle named none: there is nothing to freeze or limit then.
pub(super) fn cgroup(entry: &Entry, record: &Record) -> Result<Cgroup, Failure> {
    let path = record.cgroup.as_deref().ok_or_else(|| {
        Failure::other(format!("container {} has no cgroup of its own; give linux.cgroupsPath", entry.id()))
    })?;
    Cgroup::at(path)
}
