//! Tar headers as docker writes them: ustar, with PAX records for what does not fit (POSIX pax interchange format).

use rustix::fs::{FileType, Stat, major, minor};
use std::io::{self, Write};

/// Bytes of a header, and what everything is padded to.
const BLOCK: usize = 512;
/// Largest number of a seven-digit octal field.
const OWNER_MAX: u32 = 0o7_777_777;
/// Largest number of an eleven-digit octal field.
const SIZE_MAX: u64 = 0o77_777_777_777;

/// What is written of one entry.
pub(super) struct EntryHeader<'a> {
    pub(super) path: &'a [u8],
    pub(super) kind: tar::EntryType,
    pub(super) link: &'a [u8],
    /// Bytes of data behind the header.
    pub(super) size: u64,
    pub(super) stat: &'a Stat,
    pub(super) xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

impl EntryHeader<'_> {
    /// Writes the header and the records that it needs.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let records = self.records();
        if !records.is_empty() {
            let mut extension = tar::Header::new_ustar();
            set_name(&mut extension, b"PaxHeaders.0/entry", 0..100);
            extension.set_entry_type(tar::EntryType::XHeader);
            extension.set_mode(0o644);
            extension.set_size(records.len() as u64);
            extension.set_cksum();
            out.write_all(extension.as_bytes())?;
            out.write_all(&records)?;
            pad(out, records.len() as u64)?;
        }
        let mut header = tar::Header::new_ustar();
        set_name(&mut header, self.path, 0..100);
        set_name(&mut header, self.link, 157..257);
        header.set_entry_type(self.kind);
        header.set_mode(self.stat.st_mode & 0o7777);
        header.set_uid(u64::from(self.stat.st_uid.min(OWNER_MAX)));
        header.set_gid(u64::from(self.stat.st_gid.min(OWNER_MAX)));
        header.set_size(self.size.min(SIZE_MAX));
        header.set_mtime(u64::try_from(self.stat.st_mtime).unwrap_or(0).min(SIZE_MAX));
        if matches!(FileType::from_raw_mode(self.stat.st_mode), FileType::CharacterDevice | FileType::BlockDevice) {
            header.set_device_major(major(self.stat.st_rdev))?;
            header.set_device_minor(minor(self.stat.st_rdev))?;
        }
        header.set_cksum();
        out.write_all(header.as_bytes())
    }

    fn records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let fits = |text: &[u8]| text.len() <= 100 && text.is_ascii();
        if !fits(self.path) {
            record(&mut records, b"path", self.path);
        }
        if !fits(self.link) {
            record(&mut records, b"linkpath", self.link);
        }
        let seconds = self.stat.st_mtime;
        if u64::try_from(seconds).is_ok_and(|seconds| seconds <= SIZE_MAX) {
            // It fits.
        } else {
            record(&mut records, b"mtime", seconds.to_string().as_bytes());
        }
        for (key, id) in [("uid", self.stat.st_uid), ("gid", self.stat.st_gid)] {
            if id > OWNER_MAX {
                record(&mut records, key.as_bytes(), id.to_string().as_bytes());
            }
        }
        if self.size > SIZE_MAX {
            record(&mut records, b"size", self.size.to_string().as_bytes());
        }
        for (name, value) in self.xattrs {
            record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        }
        records
    }
}

/// `length key=value\n`, where the length counts its own digits.
fn record(into: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut len = rest;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    into.extend_from_slice(len.to_string().as_bytes());
    into.push(b' ');
    into.extend_from_slice(key);
    into.push(b'=');
    into.extend_from_slice(value);
    into.push(b'\n');
}

/// What does not fit is cut: a record has the whole.
fn set_name(header: &mut tar::Header, name: &[u8], field: std::ops::Range<usize>) {
    let len = name.len().min(field.len());
    header.as_mut_bytes()[field.start..field.start + len].copy_from_slice(&name[..len]);
}

/// Zeros up to the next block after so many bytes.
pub(crate) fn pad(out: &mut (impl Write + ?Sized), len: u64) -> io::Result<()> {
    let over = usize::try_from(len % BLOCK as u64).unwrap_or(0);
    if over > 0 { out.write_all(&[0; BLOCK][over..]) } else { Ok(()) }
}

/// The mark at an archive's end.
pub(crate) fn end(out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}
