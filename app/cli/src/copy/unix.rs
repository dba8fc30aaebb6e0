//! What is special about files on Unix.

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

/// A name as it stands in an archive; `None` when no file here can have it.
pub(super) fn name(bytes: &[u8]) -> Option<OsString> {
    (!bytes.contains(&0)).then(|| OsString::from_vec(bytes.to_vec()))
}

/// Whoever may write a folder may make links in it.
pub(super) const LINKS_MAY_BE_FORBIDDEN: bool = false;

/// Makes a symbolic link that says what the archive says.
pub(super) fn make_link(dir: &Dir, target: &[u8], name: &OsStr) -> io::Result<()> {
    dir.symlink_contents(OsStr::from_bytes(target), Path::new(name))
}

/// A new file is its owner's only, until it has its mode.
pub(super) fn shut(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Permissions only: a stranger's set-user-id is not taken over.
pub(super) fn permissions(mode: u32) -> Option<Permissions> {
    Some(Permissions::from_mode(mode & 0o777))
}

/// What tells a file with several names; `None` when it has one.
pub(super) fn shared(metadata: &Metadata) -> Option<(u64, u64)> {
    (metadata.nlink() > 1 && !metadata.is_dir()).then(|| (metadata.dev(), metadata.ino()))
}

pub(super) fn is_device(metadata: &Metadata) -> bool {
    metadata.file_type().is_block_device() || metadata.file_type().is_char_device()
}

/// The mode that an archive tells.
pub(super) fn mode(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o7777
}
