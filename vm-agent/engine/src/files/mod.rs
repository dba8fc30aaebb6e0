//! A container's files for those outside: copied in and out, exported, compared, committed.

mod lookup;
mod stream;
mod thread;
mod view;

pub(crate) use lookup::{Found, clean};
pub use stream::ArchiveStream;
pub(crate) use stream::outgoing;
pub(crate) use thread::as_root_of;
pub(crate) use view::{Parts, View};

use crate::Timestamp;
use std::collections::BTreeSet;

/// What is told of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStat {
    /// The last part of the path as asked.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Kind and permissions, as stat(2)'s `st_mode`.
    pub mode: u32,
    /// Of the last change of its content.
    pub modified: Timestamp,
    /// Of a link: what it means in the container, as far as it leads; else empty.
    pub link_target: String,
}

/// How an archive is put into a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// Refuses a directory in the place of something else, and the other way round.
    pub keep_kinds: bool,
    /// Gives everything to the container's user.
    pub own_by_user: bool,
}

/// What happened to a path of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// Absolute.
    pub path: String,
    /// What.
    pub kind: ChangeKind,
}

pub use berth_image::ChangeKind;

/// What the runtime makes in a container's files to mount on, when the image has it not: docker hides the same paths in
/// a layer of their own (moby `initlayer`).
pub(crate) fn stubs() -> BTreeSet<Vec<u8>> {
    const PATHS: [&str; 12] = [
        "dev",
        "dev/console",
        "dev/mqueue",
        "dev/pts",
        "dev/shm",
        "etc/hostname",
        "etc/hosts",
        "etc/resolv.conf",
        "proc",
        "sys",
        "etc/mtab",
        ".dockerenv",
    ];
    PATHS.iter().map(|path| path.as_bytes().to_vec()).collect()
}
