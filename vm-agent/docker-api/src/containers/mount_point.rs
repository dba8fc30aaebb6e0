//! What is mounted in a container, as lists and inspect show it.

use berth_engine::container::{MountKind, MountPoint};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MountPointOut {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    source: String,
    destination: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    driver: String,
    mode: String,
    #[serde(rename = "RW")]
    rw: bool,
    propagation: String,
}

/// Docker's word.
pub(super) const fn kind(kind: MountKind) -> &'static str {
    match kind {
        MountKind::Bind => "bind",
        MountKind::Volume => "volume",
        MountKind::Tmpfs => "tmpfs",
    }
}

impl From<MountPoint> for MountPointOut {
    fn from(mount: MountPoint) -> Self {
        Self {
            kind: kind(mount.kind),
            name: mount.name,
            source: mount.source,
            destination: mount.destination,
            driver: mount.driver,
            mode: mount.mode,
            rw: mount.rw,
            propagation: mount.propagation,
        }
    }
}
