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
        let made = Made::within(path);
        let mut names: Vec<_> = std::fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>()?;
        names.retain(|name| !made.has(&name.file_name().to_string_lossy()));
        names.sort_by_key(std::fs::DirEntry::file_name);
        return names.iter().try_for_each(|name| hash_path(hash, &name.path()));
    }
    hash.update(path.to_string_lossy().as_bytes());
    hash.update(Sha256::digest(std::fs::read(path)?));
    Ok(())
}

/// What tools have made in a folder. A folder that a tool writes ignores itself, but for some names: a `.gitignore` with `*`.
struct Made {
    but: Option<Vec<String>>,
}

impl Made {
    fn within(folder: &Path) -> Self {
        let ignored = std::fs::read_to_string(folder.join(".gitignore")).unwrap_or_default();
        let all = ignored.lines().any(|line| line == "*");
        Self {
            but: all.then(|| ignored.lines().filter_map(|line| line.strip_prefix('!').map(str::to_owned)).collect()),
        }
    }

    fn has(&self, name: &str) -> bool {
        OUTPUT.contains(&name) || self.but.as_ref().is_some_and(|but| but.iter().all(|kept| kept != name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(folder: &Path) -> String {
        let mut hash = Sha256::new();
        hash_path(&mut hash, folder).expect("the folder");
        hex::encode(hash.finalize())
    }

    #[test]
    fn what_a_tool_makes_changes_nothing_and_what_a_person_writes_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        file("settings/settings.json", "{}");
        file("page.ts", "1");
        let before = digest(folder.path());
        file("node_modules/tool/index.js", "");
        file("messages/.gitignore", "# all of it\n*");
        file("messages/en.js", "");
        file("settings/.gitignore", "*\n!settings.json");
        file("settings/cache.json", "");
        assert_eq!(digest(folder.path()), before);
        file("settings/settings.json", "{ }");
        assert_ne!(digest(folder.path()), before);
    }
}
