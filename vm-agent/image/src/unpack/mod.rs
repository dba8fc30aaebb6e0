//! A layer's archive becomes a directory that overlayfs can use as it is: whiteouts are 0/0 character devices, opaque
//! directories carry `trusted.overlay.opaque`.

pub(crate) mod compression;
#[cfg(test)]
mod corpus;
pub(crate) mod entries;
mod extract;
#[cfg(test)]
mod fuzz;
mod make;
mod tree;

use crate::seal::Sums;
pub use extract::{ExtractError, Extraction, extract, is_kernels};
use std::{collections::BTreeSet, io::BufRead, path::Path};
pub(crate) use tree::inherit;

/// Why a layer cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The bytes could not be had or decompressed.
    #[error("{0}")]
    Read(std::io::Error),
    /// A file could not be written.
    #[error("{0}")]
    Write(std::io::Error),
    /// The archive ends in the middle.
    #[error("the archive ends in the middle of an entry")]
    Truncated,
    /// The archive is none, or holds what no layer may hold.
    #[error("{0}")]
    Archive(String),
    /// One entry cannot be made.
    #[error("{path}: {why}")]
    Entry {
        /// Its name.
        path: String,
        /// The reason.
        why: String,
    },
    /// The system refused to make an entry.
    #[error("{path}: {source}")]
    System {
        /// Its name.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What came out of a layer.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    /// Bytes of all files.
    pub(crate) size: u64,
    /// Directories that the archive uses and does not describe: their owner and mode are those of the layers below.
    /// The root itself is never among them.
    pub(crate) implicit: BTreeSet<Vec<u8>>,
    /// Whether the archive describes the root directory.
    pub(crate) describes_root: bool,
    /// Of its files.
    pub(crate) sums: Sums,
}

/// Unpacks the plain tar `archive` into the empty directory `root` and reads it to its very end.
pub(crate) fn unpack(archive: impl BufRead, root: &Path) -> Result<Unpacked, UnpackError> {
    let mut entries = entries::Entries::new(archive);
    let mut tree = tree::Tree::open(root)?;
    while let Some(entry) = entries.next()? {
        tree.add(&entry, &mut entries)?;
    }
    // The padding behind the end mark belongs to the digest.
    let mut rest = entries.into_reader();
    loop {
        let len = rest.fill_buf().map_err(UnpackError::Read)?.len();
        if len == 0 {
            return tree.finish();
        }
        rest.consume(len);
    }
}

#[cfg(test)]
mod tests;
