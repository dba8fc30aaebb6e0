//! A place for something in the making.

use crate::{Result, erase::erase, error::IoContext as _};
use std::path::{Path, PathBuf};

/// A fresh directory, deleted with all that is in it when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new(tmp: &Path) -> Result<Self> {
        let dir = tempfile::tempdir_in(tmp).at("create a directory in", tmp)?;
        // From here on it is deleted in this module's way, which no depth defeats.
        Ok(Self { path: dir.keep() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes it now, and tells what hinders.
    pub(crate) fn close(self) -> Result<()> {
        erase(&self.path).at("delete", &self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = erase(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a scratch directory stays until the next start");
        }
    }
}
