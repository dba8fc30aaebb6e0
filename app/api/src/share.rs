//! What ships with Berth, found next to its programs.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// The variable that names another folder.
pub const SHARE_VARIABLE: &str = "BERTH_SHARE";

/// The folder with the guest image and the welcome image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    root: PathBuf,
}

impl Share {
    /// From `BERTH_SHARE`, else `../share/berth` beside the running program's folder.
    ///
    /// # Errors
    /// [`Error::Missing`] when the program's own path is unknown.
    pub fn locate() -> Result<Self, Error> {
        if let Some(root) = std::env::var_os(SHARE_VARIABLE).filter(|value| !value.is_empty()) {
            return Ok(Self::at(PathBuf::from(root)));
        }
        let program = std::env::current_exe().and_then(std::fs::canonicalize);
        let prefix = program.as_deref().ok().and_then(Path::parent).and_then(Path::parent);
        prefix.map(|prefix| Self::at(prefix.join("share").join("berth"))).ok_or_else(|| Error::Missing {
            what: "the folder of the running program".into(),
            hint: format!("set {SHARE_VARIABLE} to the folder with the guest image"),
        })
    }

    /// What ships is in `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `manifest.json`: names, sizes and hashes of the guest image's files.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// The archive of the welcome image.
    ///
    /// # Errors
    /// [`Error::Missing`] when it is not there.
    pub fn welcome_archive(&self) -> Result<PathBuf, Error> {
        let path = self.root.join("welcome.tar");
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::Missing {
            what: format!("the welcome image {}", path.display()),
            hint: format!("install Berth again, or set {SHARE_VARIABLE}"),
        })
    }
}
