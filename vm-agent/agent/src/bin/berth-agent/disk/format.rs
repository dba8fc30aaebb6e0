//! Making the filesystem, so that a machine that dies in the middle can tell and begin again.
//!
//! `mkfs.ext4` works on a sparse file in memory; then its blocks are copied, the first one last. Until then the first
//! block says that a filesystem is being made. Containers cannot forge that: no file ever owns the first block of ext4.

use super::superblock::{BLOCK, LABEL, MARK};
use super::{DiskError, run};
use crate::children::Children;
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

/// Most bytes copied at once.
const PIECE: u64 = 1 << 20;

/// Makes a filesystem over the whole of `device`, by way of a file at `draft`. `zeroed` says that the device reads as
/// zeros, so that nothing on it needs to be cleared, now or by the kernel later.
pub(super) fn format(
    children: &Children,
    device: &Path,
    draft: &Path,
    size: u64,
    zeroed: bool,
) -> Result<(), DiskError> {
    let made = make(children, device, draft, size, zeroed);
    // Held in memory, and of no use to anyone.
    std::fs::remove_file(draft).ok();
    made
}

fn make(children: &Children, device: &Path, draft: &Path, size: u64, zeroed: bool) -> Result<(), DiskError> {
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(draft).map_err(DiskError::Write)?;
    file.set_len(size).map_err(DiskError::Write)?;
    let clear = if zeroed { "assume_storage_prezeroed=1" } else { "lazy_itable_init=1" };
    let mut command = Command::new("/usr/sbin/mkfs.ext4");
    // The orphan file, for hundreds of processors that delete at once, would be read whole at each mount.
    command.args(["-q", "-F", "-m", "0", "-b", "4096", "-O", "^orphan_file", "-L", LABEL]);
    command.args(["-E", &format!("nodiscard,{clear}")]).arg(draft);
    run(children, "mkfs.ext4", &mut command, 0)?;
    let device = File::options().write(true).open(device).map_err(DiskError::Write)?;
    copy(&file, &device, size).map_err(DiskError::Write)
}

fn copy(draft: &File, device: &File, size: u64) -> io::Result<()> {
    let mut first = [0; BLOCK];
    first[..MARK.len()].copy_from_slice(MARK);
    device.write_all_at(&first, 0)?;
    device.sync_data()?;
    let mut at = BLOCK as u64;
    while let Some(start) = seek(draft, at, Whence::SeekData)? {
        let end = seek(draft, start, Whence::SeekHole)?.unwrap_or(size);
        copy_range(draft, device, start, end)?;
        at = end;
    }
    device.sync_data()?;
    draft.read_exact_at(&mut first, 0)?;
    device.write_all_at(&first, 0)?;
    device.sync_all()
}

fn copy_range(draft: &File, device: &File, start: u64, end: u64) -> io::Result<()> {
    let mut piece = Vec::new();
    let mut at = start;
    while at < end {
        let len = PIECE.min(end - at);
        piece.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        draft.read_exact_at(&mut piece, at)?;
        device.write_all_at(&piece, at)?;
        at += len;
    }
    Ok(())
}

/// Where the next data or hole begins at or behind `at`; `None` when there is none (lseek(2)).
fn seek(file: &File, at: u64, whence: Whence) -> io::Result<Option<u64>> {
    match lseek(file, i64::try_from(at).map_err(io::Error::other)?, whence) {
        Ok(found) => Ok(Some(u64::try_from(found).map_err(io::Error::other)?)),
        Err(Errno::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(path: &Path, size: u64, at: u64) -> File {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.set_len(size).unwrap();
        file.write_all_at(&[7; 5000], at).unwrap();
        file.write_all_at(b"first", 0).unwrap();
        file
    }

    #[test]
    fn the_copy_equals_the_draft_wherever_its_data_is() {
        let dir = tempfile::tempdir().unwrap();
        for at in [100, 8192, 3_000_000, (8 << 20) - 5000] {
            let draft = filled(&dir.path().join("draft"), 8 << 20, at);
            let device = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(dir.path().join("device"))
                .unwrap();
            device.set_len(8 << 20).unwrap();
            copy(&draft, &device, 8 << 20).unwrap();
            assert!(
                std::fs::read(dir.path().join("draft")).unwrap() == std::fs::read(dir.path().join("device")).unwrap()
            );
        }
    }
}
