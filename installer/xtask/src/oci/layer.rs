//! One layer: a tar of files with fixed times and owners, compressed.

use super::digest;
use anyhow::{Context, Result};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tar::{EntryType, Header};

/// How the tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// As media types name it.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A finished layer.
pub(crate) struct Layer {
    /// The compressed tar.
    pub blob: Vec<u8>,
    /// Digest of `blob`.
    pub digest: String,
    /// Digest of the tar.
    pub diff_id: String,
    /// How `blob` is compressed.
    pub compression: Compression,
    /// Shown by `history`.
    pub comment: String,
}

/// A tar in the making. Entries come out in the order they are added; all belong to root, all have the same time.
pub(crate) struct LayerBuilder {
    tar: tar::Builder<Vec<u8>>,
    comment: String,
}

impl LayerBuilder {
    /// An empty layer.
    pub(crate) fn new(comment: &str) -> Self {
        Self { tar: tar::Builder::new(Vec::new()), comment: comment.to_owned() }
    }

    /// Adds a directory.
    pub(crate) fn dir(&mut self, path: &str, mode: u32) -> Result<&mut Self> {
        self.entry(path, EntryType::Directory, mode, None, &[])
    }

    /// Adds a regular file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<&mut Self> {
        self.entry(path, EntryType::Regular, mode, None, content)
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<&mut Self> {
        self.entry(path, EntryType::Symlink, 0o777, Some(target), &[])
    }

    /// Adds everything below `root`, sorted by name.
    pub(crate) fn tree(&mut self, root: &Path) -> Result<&mut Self> {
        self.below(root, root)
    }

    fn below(&mut self, root: &Path, folder: &Path) -> Result<&mut Self> {
        let mut names: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
        names.sort_by_key(std::fs::DirEntry::file_name);
        for name in names {
            let path = name.path();
            let inside = path
                .strip_prefix(root)?
                .to_str()
                .with_context(|| format!("{} is not UTF-8", path.display()))?
                .to_owned();
            let meta = std::fs::symlink_metadata(&path)?;
            let mode = meta.permissions().mode() & 0o7777;
            if meta.is_dir() {
                self.dir(&inside, mode)?.below(root, &path)?;
            } else if meta.is_symlink() {
                let target = std::fs::read_link(&path)?;
                self.link(&inside, target.to_str().context("a link's target is not UTF-8")?)?;
            } else {
                self.file(&inside, mode, &std::fs::read(&path)?)?;
            }
        }
        Ok(self)
    }

    fn entry(
        &mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        link: Option<&str>,
        content: &[u8],
    ) -> Result<&mut Self> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(1_767_225_600); // 2026-01-01
        header.set_size(content.len() as u64);
        match link {
            Some(target) => self.tar.append_link(&mut header, path, target)?,
            None => self.tar.append_data(&mut header, path, content)?,
        }
        Ok(self)
    }

    /// The tar itself, uncompressed.
    pub(crate) fn into_tar(self) -> Result<Vec<u8>> {
        Ok(self.tar.into_inner()?)
    }

    /// Compresses and hashes.
    pub(crate) fn finish(self, compression: Compression) -> Result<Layer> {
        let comment = self.comment.clone();
        let tar = self.into_tar()?;
        let blob = match compression {
            Compression::Gzip => {
                let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::new(6));
                encoder.write_all(&tar)?;
                encoder.finish()?
            }
            Compression::Zstd => zstd::encode_all(tar.as_slice(), 3)?,
        };
        Ok(Layer { digest: digest(&blob), diff_id: digest(&tar), blob, compression, comment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(compression: Compression) -> Layer {
        let mut builder = LayerBuilder::new("test");
        builder
            .dir("etc", 0o755)
            .and_then(|b| b.file("etc/a", 0o644, b"hello"))
            .and_then(|b| b.link("b", "etc/a"))
            .expect("tar");
        builder.finish(compression).expect("compressed")
    }

    #[test]
    fn the_same_tree_gives_the_same_digests() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            assert_eq!(layer(compression).digest, layer(compression).digest);
        }
        assert_eq!(layer(Compression::Gzip).diff_id, layer(Compression::Zstd).diff_id);
        assert_ne!(layer(Compression::Gzip).digest, layer(Compression::Zstd).digest);
    }
}
