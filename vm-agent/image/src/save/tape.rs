//! Entries of an archive that belong to nobody and have no time.

use std::io::{self, Write};

pub(super) fn directory(out: &mut dyn Write, name: &str) -> io::Result<()> {
    header(out, name, tar::EntryType::Directory, 0o755, 0)
}

/// The head of a file of `size` bytes, which follow, and their padding.
pub(super) fn file(out: &mut dyn Write, name: &str, size: u64) -> io::Result<()> {
    header(out, name, tar::EntryType::Regular, 0o644, size)
}

fn header(out: &mut dyn Write, name: &str, kind: tar::EntryType, mode: u32, size: u64) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    out.write_all(header.as_bytes())
}
