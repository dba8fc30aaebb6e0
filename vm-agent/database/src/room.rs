//! Room to write in when the disk is full: what ends and what is removed must be noted all the same, or no space would ever
//! come back. The log of a database takes its blocks in advance.

use rustix::{
    fs::{FallocateFlags, fallocate, statvfs},
    io::Errno,
};
use std::{fs::OpenOptions, io, path::Path};

/// Bytes that a log holds even where nothing is free: hundreds of changes.
const ROOM: u64 = 1 << 20;
/// With less than this free, the log is not emptied: its blocks would be another's at once.
const ENOUGH: u64 = 4 * ROOM;

/// Takes the blocks of the log at `log`, as far as it has none. Where there is no log or no such call, nothing is taken.
pub(crate) fn take(log: &Path) -> io::Result<()> {
    let file = match OpenOptions::new().write(true).open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, ROOM) {
        Err(error) if !matches!(error, Errno::OPNOTSUPP | Errno::NOSYS) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether blocks that are given back can be had again.
pub(crate) fn is_enough(beside: &Path) -> io::Result<bool> {
    let system = statvfs(beside)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize) >= ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_log_has_its_blocks_before_it_has_its_bytes() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("x.db-wal");
        take(&log).unwrap();
        assert!(!log.exists(), "it is not made by this");
        std::fs::write(&log, "entry").unwrap();
        take(&log).unwrap();
        let meta = log.metadata().unwrap();
        assert_eq!(meta.len(), 5);
        assert!(meta.blocks() * 512 >= ROOM, "{} blocks", meta.blocks());
    }
}
