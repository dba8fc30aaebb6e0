//! The initramfs of one boot: the one that ships, and an archive of this boot behind it.

use crate::cpio::ALIGN;
use std::io::{self, Read, Write};

/// Writes `base` and, behind it, `extra` where the kernel looks for a second archive. Returns the size in bytes.
///
/// # Errors
/// Whatever reading or writing gives.
pub fn join(mut base: impl Read, extra: &[u8], out: &mut impl Write) -> io::Result<u64> {
    let mut size = io::copy(&mut base, out)?;
    if extra.is_empty() {
        return Ok(size);
    }
    // The kernel skips zeros between archives, and finds a cpio header at a multiple of four only.
    let aligned = size.next_multiple_of(ALIGN as u64);
    let gap = [0; ALIGN];
    out.write_all(&gap[..usize::try_from(aligned - size).unwrap_or(0)])?;
    out.write_all(extra)?;
    size = aligned + extra.len() as u64;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_archive_begins_aligned() {
        for length in 1..6 {
            let mut out = vec![];
            let size = join(vec![b'b'; length].as_slice(), b"070701", &mut out).unwrap();
            assert_eq!(size, out.len() as u64);
            let at = length.next_multiple_of(ALIGN);
            assert_eq!(&out[at..], b"070701");
            assert!(out[length..at].iter().all(|byte| *byte == 0));
        }
    }
}
