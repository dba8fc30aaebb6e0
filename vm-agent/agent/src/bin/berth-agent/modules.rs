//! Kernel modules, in the order the guest image has worked out.

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use serde::Deserialize;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where the image keeps them.
pub(crate) const FOLDER: &str = "/usr/lib/modules/berth";
/// Exists once the late modules are loaded; the engine waits for it.
const LOADED: &str = "/run/berth/modules-loaded";
/// Exists, with the reason as text, when they could not be loaded.
const FAILED: &str = "/run/berth/modules-failed";

/// Why modules are missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModulesError {
    /// The list cannot be read.
    #[error("cannot read {path}; the guest image is damaged, install Berth again")]
    List { path: PathBuf, source: std::io::Error },
    /// The kernel refuses some.
    #[error("the kernel refuses {}; the guest image does not fit its kernel, install Berth again", .0.join(", "))]
    Refused(Vec<String>),
}

/// `load.json`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct LoadOrder {
    /// Before the engine starts: the machine's own devices.
    pub(crate) boot: Vec<String>,
    /// Beside it: what containers need.
    pub(crate) late: Vec<String>,
}

impl LoadOrder {
    /// Reads the list in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModulesError> {
        let path = folder.join("load.json");
        let bytes = std::fs::read(&path).map_err(|source| ModulesError::List { path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|error| ModulesError::List { path, source: error.into() })
    }
}

/// Loads `files` of `folder` in order. One that fails does not keep the others from being tried.
pub(crate) fn load(folder: &Path, files: &[String]) -> Result<(), ModulesError> {
    let refused: Vec<String> = files
        .iter()
        .filter_map(|file| insert(&folder.join(file)).err().map(|why| format!("module {file} ({why})")))
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(ModulesError::Refused(refused)) }
}

fn insert(path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    match finit_module(&file, c"", ModuleInitFlags::empty()) {
        // Already there: built in since, or loaded as another's companion.
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells the engine how loading the late ones went.
pub(crate) fn announce(result: Result<(), &str>) -> std::io::Result<()> {
    match result {
        Ok(()) => std::fs::write(LOADED, ""),
        Err(why) => {
            // By rename: who sees the file sees the whole reason.
            let new = format!("{FAILED}.new");
            std::fs::write(&new, why)?;
            std::fs::rename(new, FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_image_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("load.json"), r#"{"boot":["b.ko","a.ko"],"late":["c.ko"]}"#).unwrap();
        let order = LoadOrder::read(dir.path()).unwrap();
        assert_eq!(order.boot, ["b.ko", "a.ko"]);
        assert_eq!(order.late, ["c.ko"]);
    }

    #[test]
    fn each_missing_module_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = load(dir.path(), &["x.ko".into(), "y.ko".into()]).unwrap_err().to_string();
        assert!(error.contains("x.ko") && error.contains("y.ko"), "{error}");
        assert!(LoadOrder::read(dir.path()).unwrap_err().to_string().contains("load.json"));
    }
}
