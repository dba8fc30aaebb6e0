//! Skips a step whose inputs have not changed: the digest of the inputs is kept beside the build output.

use crate::checkout::Checkout;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The state of one step's inputs.
pub(crate) struct Stamp {
    path: PathBuf,
    digest: String,
}

impl Stamp {
    /// Hashes the files and folders `inputs`, and `extra` text.
    pub(crate) fn of(checkout: &Checkout, name: &str, inputs: &[PathBuf], extra: &str) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(extra);
        for input in inputs {
            hash_path(&mut hash, input).with_context(|| format!("cannot read {}", input.display()))?;
        }
        let path = checkout.root.join("dist/.stamps").join(name);
        Ok(Self { path, digest: hex::encode(hash.finalize()) })
    }

    /// Whether the step ran with just these inputs and its outputs still stand.
    pub(crate) fn is_fresh(&self, outputs: &[PathBuf]) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|kept| kept == self.digest)
            && outputs.iter().all(|path| path.exists())
    }

    /// The step ran.
    pub(crate) fn keep(&self) -> Result<()> {
        std::fs::create_dir_all(self.path.parent().context("a stamp stands in a folder")?)?;
        Ok(std::fs::write(&self.path, &self.digest)?)
    }
}

/// Folders that hold output, not input.
const OUTPUT: [&str; 4] = ["node_modules", "dist", "target", ".svelte-kit"];

fn hash_path(hash: &mut Sha256, path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        let mut names: Vec<_> = std::fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>()?;
        names.sort_by_key(std::fs::DirEntry::file_name);
        for name in names.iter().filter(|name| !OUTPUT.iter().any(|skip| name.file_name() == *skip)) {
            hash_path(hash, &name.path())?;
        }
        return Ok(());
    }
    hash.update(path.to_string_lossy().as_bytes());
    hash.update(Sha256::digest(std::fs::read(path)?));
    Ok(())
}
