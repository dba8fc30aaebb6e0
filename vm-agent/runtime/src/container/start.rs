//! `start`.

use super::{
    id::ContainerId,
    store::{Status, Store},
};
use crate::failure::Failure;

/// Lets the program of container `id` run.
///
/// # Errors
/// When there is no such container, or it is not waiting to be started.
pub(crate) fn start(store: &Store, id: &ContainerId) -> Result<(), Failure> {
    let entry = store.entry(id);
    match entry.status(&entry.record()?) {
        Status::Stopped => Err(Failure::other(format!("cannot start container {id}: it has ended; create it again"))),
        Status::Created | Status::Running | Status::Paused => entry.open_gate(),
    }
}
