//! Calls about files.
#![expect(unsafe_code, reason = "these calls have no safe wrapper in nix")]

use std::{fs::File, os::fd::AsRawFd};

use libc::off64_t;
use nix::errno::Errno;

/// Has the kernel begin to write `length` bytes of the file from byte `from` on to the disk, and does not wait for it:
/// sync_file_range(2). Nothing is promised by it; fsync(2) later has less to wait for.
pub(crate) fn begin_writing(file: &File, from: u64, length: u64) -> nix::Result<()> {
    let offset = |bytes| off64_t::try_from(bytes).map_err(|_| Errno::EINVAL);
    let (from, length) = (offset(from)?, offset(length)?);
    let flags = libc::SYNC_FILE_RANGE_WRITE;
    // SAFETY: integers only, and the descriptor lives across the call.
    Errno::result(unsafe { libc::sync_file_range(file.as_raw_fd(), from, length, flags) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_no_range_is_refused_and_a_range_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 100_000]).unwrap();
        assert_eq!(begin_writing(&file, u64::MAX, 1), Err(Errno::EINVAL));
        begin_writing(&file, 0, 100_000).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 100_000);
    }
}
