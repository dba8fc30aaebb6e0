//! Where things lie in the store's directory.

use super::Scratch;
use crate::{Digest, Result, error::IoContext as _};
use std::path::{Path, PathBuf};

/// The store's directories. Everything that has no row in the database and lies here is rubbish.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Creates what is missing.
    pub(crate) fn create(root: &Path) -> Result<Self> {
        let layout = Self { root: root.to_owned() };
        for dir in [layout.blobs(), layout.layers(), layout.tmp(), layout.empty(), layout.aside()] {
            std::fs::create_dir_all(&dir).at("create", &dir)?;
        }
        Ok(layout)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("image.db")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// The directory of an unpacked layer, which holds `diff/`.
    pub(crate) fn tree(&self, tree: &Digest) -> PathBuf {
        self.layers().join(tree.hex())
    }

    pub(crate) fn diff(&self, tree: &Digest) -> PathBuf {
        self.tree(tree).join("diff")
    }

    /// What is being made; emptied whenever the store is opened.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// What was found damaged, each in a directory of its own.
    pub(crate) fn aside(&self) -> PathBuf {
        self.root.join("damaged")
    }

    /// Says in which boot of the machine the store is open.
    pub(crate) fn boot_mark(&self) -> PathBuf {
        self.root.join("open")
    }

    /// What a container without layers stands on: overlayfs wants something below.
    pub(crate) fn empty(&self) -> PathBuf {
        self.root.join("empty")
    }

    /// A fresh directory for something in the making.
    pub(crate) fn scratch(&self) -> Result<Scratch> {
        Scratch::new(&self.tmp())
    }
}
