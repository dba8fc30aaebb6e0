//! Finished files of a log become smaller, in a process of their own: the monitor has its container to look after.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::Path,
    process::{Command, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags},
    unistd::linkat,
};

use super::files::{finished, missing_is_fine, sibling};
use crate::failure::{Context, Failure};

/// Behind the number in the name of a compressed file.
pub(super) const ENDING: &str = "gz";
pub(super) const SUFFIX: &str = ".gz";

/// Starts the process; whoever has a log to keep reaps it with its other children.
pub(super) fn begin(path: &Path) -> io::Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("compress-log").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop)
}

/// Compresses every finished file of the log `path` that is not compressed yet. Each is whole under one name or the
/// other at any moment.
///
/// # Errors
/// Those of reading and writing; the file in question stays as it is.
pub(crate) fn compress(path: &Path) -> Result<(), Failure> {
    for number in finished(path).context(format_args!("list the files of {}", path.display()))? {
        let plain = sibling(path, number);
        compress_file(&plain).context(format_args!("compress {}", plain.display()))?;
    }
    Ok(())
}

fn compress_file(plain: &Path) -> io::Result<()> {
    let file = match File::open(plain) {
        Ok(file) => file,
        // It is compressed, or was the oldest.
        Err(error) => return missing_is_fine(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        // Another process is at it.
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let compressed = sibling(plain, ENDING);
    // Without a name until it is whole: nothing half made stays, however this ends.
    let directory = plain.parent().unwrap_or(Path::new("/"));
    let unnamed = OpenOptions::new().write(true).mode(0o640).custom_flags(libc::O_TMPFILE).open(directory)?;
    let mut encoder = GzEncoder::new(unnamed, Compression::fast());
    io::copy(&mut io::BufReader::with_capacity(256 << 10, &file), &mut encoder)?;
    let written = encoder.finish()?;
    written.sync_all()?;
    let by_descriptor = format!("/proc/self/fd/{}", written.as_raw_fd());
    match linkat(AT_FDCWD, by_descriptor.as_str(), AT_FDCWD, &compressed, AtFlags::AT_SYMLINK_FOLLOW) {
        Ok(()) => {}
        // Another one was as far, and what it made is not for this one to remove.
        Err(Errno::EEXIST) => return fs::remove_file(plain).or_else(missing_is_fine),
        Err(errno) => return Err(errno.into()),
    }
    match fs::remove_file(plain) {
        // It went as the oldest meanwhile, and so does what was made of it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_file(&compressed).or_else(missing_is_fine),
        result => result,
    }
}
