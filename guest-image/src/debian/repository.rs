//! Debian trixie for others than the recipe: developer commands take packages from here to make test images.

use super::apt::{Apt, AptError, Archive};
use crate::{Arch, Step};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian trixie, every package checked against the signed index.
#[derive(Debug)]
pub struct Repository {
    apt: Apt,
}

/// Why a package could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("cannot unpack {archive} with dpkg-deb: {why}; remove the file and try again")]
pub struct UnpackError {
    archive: String,
    why: String,
}

impl Repository {
    /// Opens the repository with its index and packages kept under `cache`, the folder of [`crate::Recipe::cache`].
    ///
    /// # Errors
    /// When the host has no Debian keyring or its apt sources name no mirror.
    pub fn open(cache: &Path, arch: Arch, progress: &mut dyn FnMut(Step)) -> Result<Self, AptError> {
        let apt = Apt::open(cache, arch)?;
        apt.refresh(progress)?;
        Ok(Self { apt })
    }

    /// The archives of just these packages.
    ///
    /// # Errors
    /// When apt does not know one, cannot fetch it, or its hash is wrong.
    pub fn download(&self, names: &[&str], progress: &mut dyn FnMut(Step)) -> Result<Vec<PathBuf>, AptError> {
        Ok(self.apt.take(names, progress)?.into_iter().map(|Archive { path, .. }| path).collect())
    }

    /// The archives of these packages and of all that they depend on.
    ///
    /// # Errors
    /// As [`Repository::download`].
    pub fn download_with_dependencies(
        &self,
        names: &[&str],
        progress: &mut dyn FnMut(Step),
    ) -> Result<Vec<PathBuf>, AptError> {
        let closure = self.apt.closure(names)?;
        let names: Vec<&str> = closure.iter().map(String::as_str).collect();
        self.download(&names, progress)
    }
}

/// Unpacks the files of a package into `folder`; its scripts are not run.
///
/// # Errors
/// When dpkg-deb is missing or fails.
pub fn unpack(archive: &Path, folder: &Path) -> Result<(), UnpackError> {
    let fail = |why: String| UnpackError { archive: archive.display().to_string(), why };
    let output = Command::new("dpkg-deb").arg("--extract").arg(archive).arg(folder).output();
    let output = output.map_err(|error| fail(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned())) }
}
