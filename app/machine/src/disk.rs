//! The file behind the data disk. It is the one thing of a machine that cannot be made again.

use crate::{DataDisk, Failure};
use std::fs::{File, OpenOptions};
use std::io;

/// What [`prepare`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// There was none; an empty one was made.
    Created,
    /// It was smaller and now has the size asked for; its bytes are as they were.
    Grown,
    /// It was there, with at least the size asked for, and was not touched.
    Kept,
}

/// Makes sure that the disk exists with at least its size. The file is sparse: blocks are used as they are written.
/// An existing file is never replaced, shortened or written to.
///
/// # Errors
/// A [`Failure`] that names the file.
pub fn prepare(disk: &DataDisk) -> Result<Prepared, Failure> {
    try_prepare(disk).map_err(|error| {
        let todo = match error.kind() {
            io::ErrorKind::StorageFull => "free some space on that disk and start again",
            io::ErrorKind::PermissionDenied => "give yourself the right to write there and start again",
            _ => "check the directory and start again",
        };
        Failure::new(format!("preparing the data disk {}", disk.path.display()), error, todo)
    })
}

fn try_prepare(disk: &DataDisk) -> io::Result<Prepared> {
    match OpenOptions::new().write(true).create_new(true).open(&disk.path) {
        Ok(file) => {
            resize(&file, disk.bytes)?;
            Ok(Prepared::Created)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let file = OpenOptions::new().read(true).write(true).open(&disk.path)?;
            let found = file.metadata()?;
            if !found.is_file() {
                return Err(io::Error::other("it is not an ordinary file"));
            }
            if found.len() >= disk.bytes {
                return Ok(Prepared::Kept);
            }
            resize(&file, disk.bytes)?;
            Ok(Prepared::Grown)
        }
        Err(error) => Err(error),
    }
}

fn resize(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_disk_is_made_once_grows_and_keeps_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DataDisk { path: dir.path().join("data.raw"), bytes: 1 << 20 };
        assert_eq!(prepare(&disk), Ok(Prepared::Created));
        assert_eq!(fs::metadata(&disk.path).unwrap().len(), 1 << 20);
        let mut bytes = fs::read(&disk.path).unwrap();
        bytes[77] = 7;
        fs::write(&disk.path, &bytes).unwrap();

        disk.bytes = 2 << 20;
        assert_eq!(prepare(&disk), Ok(Prepared::Grown));
        assert_eq!(fs::read(&disk.path).unwrap()[..1 << 20], bytes);

        disk.bytes = 1;
        assert_eq!(prepare(&disk), Ok(Prepared::Kept));
        assert_eq!(fs::metadata(&disk.path).unwrap().len(), 2 << 20);
    }

    #[test]
    fn a_place_that_is_no_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let failure = prepare(&DataDisk { path: dir.path().into(), bytes: 1 }).unwrap_err();
        assert!(failure.what.contains(&dir.path().display().to_string()), "{failure}");
    }
}
