//! `update`: the limits of a container, changed while it runs.

use std::{fs::File, io::Read, path::Path};

use oci_spec::runtime::LinuxResources;

use super::{
    id::ContainerId,
    pause::cgroup,
    store::{Status, Store},
};
use crate::failure::{Context, Failure};

/// The longest document that is read, bytes.
const MAX_DOCUMENT: u64 = 1 << 20;

/// Reads `linux.resources` as JSON from `file`, or from standard input when that is `-`, as runc does.
///
/// # Errors
/// When it cannot be read, or is no such document.
pub(crate) fn read_resources(file: &Path) -> Result<LinuxResources, Failure> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_DOCUMENT).read_to_end(&mut text)
    } else {
        File::open(file).and_then(|open| open.take(MAX_DOCUMENT).read_to_end(&mut text))
    };
    read.context(format_args!("read {}", file.display()))?;
    serde_json::from_slice(&text).context(format_args!("parse {}", file.display()))
}

/// Gives container `id` these limits; those that are not named stay, and so do its device rules.
///
/// # Errors
/// When it has ended, and for limits that contradict each other or that the kernel refuses.
pub(crate) fn update(store: &Store, id: &ContainerId, resources: &LinuxResources) -> Result<(), Failure> {
    let entry = store.entry(id);
    let record = entry.record()?;
    if entry.status(&record) == Status::Stopped {
        return Err(Failure::other(format!("container {id} is not running")));
    }
    cgroup(&entry, &record)?.limit(resources)
}
