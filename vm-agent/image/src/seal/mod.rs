//! What a layer's directory is like, in two digests that are kept with it: of its shape, which is quick to look at, and
//! of the contents of its files. A directory that is not like that any more is damaged.
//!
//! Contents count by their CRC-32, as btrfs has it: what is looked for is damage and not malice, and a checksum costs
//! next to nothing while a layer is unpacked. Whoever can write the store can write its database as well.

mod walk;

use crate::{Digest, digest::Sum};
use rustix::fs::{FileType, Stat};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
};
use walk::{Node, walk};

/// Read at once, bytes.
const PIECE: usize = 256 << 10;
/// Files whose checksums are kept until their layer is sealed: 4 MiB of memory. More are read again.
const SUMS_MAX: usize = 1 << 18;

/// What a directory was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Of names, kinds, modes, owners, times, sizes, links, devices and attributes.
    pub(crate) shape: Digest,
    /// Of what is in the files.
    pub(crate) content: Digest,
}

/// Checksums of files that were just written, by inode.
#[derive(Debug, Default)]
pub(crate) struct Sums(HashMap<u64, u32>);

impl Sums {
    /// Keeps a file's checksum.
    pub(crate) fn keep(&mut self, inode: u64, sum: u32) {
        if self.0.len() < SUMS_MAX {
            self.0.insert(inode, sum);
        } else {
            // What another file had that was replaced.
            self.0.remove(&inode);
        }
    }
}

/// Seals a directory; `known` are checksums of files in it that need not be read. `read` is told of bytes that are.
pub(crate) fn seal(dir: &Path, known: &Sums, read: &mut dyn FnMut(u64)) -> io::Result<Seal> {
    let (mut shape, mut content, mut piece) = (Sum::default(), Sum::default(), Vec::new());
    walk(dir, &mut |node| {
        add_shape(&mut shape, node);
        let Some(file) = &mut node.file else { return Ok(()) };
        let sum = match known.0.get(&node.stat.st_ino) {
            Some(sum) => *sum,
            None => checksum(file, &mut piece, read)?,
        };
        content.add(&[node.path, &[0], &sum.to_le_bytes()]);
        Ok(())
    })?;
    Ok(Seal { shape: shape.finish(), content: content.finish() })
}

/// The shape alone.
pub(crate) fn shape(dir: &Path) -> io::Result<Digest> {
    let mut shape = Sum::default();
    walk(dir, &mut |node| {
        add_shape(&mut shape, node);
        Ok(())
    })?;
    Ok(shape.finish())
}

fn add_shape(shape: &mut Sum, node: &Node<'_>) {
    let Stat { st_mode, st_uid, st_gid, st_nlink, st_rdev, st_size, st_mtime, st_mtime_nsec, .. } = *node.stat;
    // How large a directory is and how many links it has is the filesystem's own affair.
    let is_dir = FileType::from_raw_mode(st_mode) == FileType::Directory;
    #[allow(clippy::useless_conversion, reason = "it has 32 bits on arm64")]
    let (links, size) = if is_dir { (0, 0) } else { (u64::from(st_nlink), st_size) };
    let mut numbers = [0; 56];
    let fields = [
        u64::from(st_mode),
        u64::from(st_uid) << 32 | u64::from(st_gid),
        links,
        st_rdev,
        size.cast_unsigned(),
        st_mtime.cast_unsigned(),
        st_mtime_nsec,
    ];
    for (place, field) in numbers.chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    shape.add(&[node.path, &[0], &numbers, node.link]);
    for (name, value) in node.attributes {
        shape.add(&[node.path, &[0], b"attribute", &[0], name, &[0], value]);
    }
}

fn checksum(file: &mut File, piece: &mut Vec<u8>, read: &mut dyn FnMut(u64)) -> io::Result<u32> {
    piece.resize(PIECE, 0);
    let mut hasher = crc32fast::Hasher::new();
    loop {
        match file.read(piece) {
            Ok(0) => return Ok(hasher.finalize()),
            Ok(len) => {
                hasher.update(&piece[..len]);
                read(len as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests;
