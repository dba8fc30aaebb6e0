//! The guest image as it ships: found, and checked against its manifest before it is booted.
//!
//! Hashing 40 MB at each start would cost more than the rest of the preparation, so a file whose size and time of
//! change are those of the last good check is taken as good. An install writes new times.

use berth_api::{Code, Share};
use berth_machine::Failure;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Names the kernel may have in the manifest: uncompressed where the VM wants it so, as packaged elsewhere.
const KERNELS: [&str; 2] = ["vmlinux", "kernel"];
const INITRAMFS: &str = "initramfs.zst";
const BUFFER: usize = 256 << 10;

/// The two files a boot needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestImage {
    /// The kernel.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
}

/// Why the guest image cannot be booted.
#[derive(Debug, thiserror::Error)]
pub enum GuestImageError {
    /// A file is not there.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// A file is not the one that was shipped.
    #[error("{} is damaged: its SHA-256 is {found}, the manifest says {expected}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The manifest's.
        expected: String,
    },
    /// The manifest itself makes no sense.
    #[error("{} cannot be used: {why}", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl GuestImageError {
    /// For clients.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(_) => Code::GuestImageMissing,
            Self::Damaged { .. } | Self::Manifest { .. } | Self::Read { .. } => Code::GuestImageDamaged,
        }
    }

    /// For the boot's steps.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let todo = match self {
            Self::Missing(_) => "install Berth again, or set BERTH_SHARE to the folder with the guest image",
            _ => "install Berth again",
        };
        Failure::new("checking the guest image", self, todo)
    }
}

#[derive(Deserialize)]
struct Manifest {
    files: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    size: u64,
    sha256: String,
}

/// What was found good before: file name to its mark.
type Known = BTreeMap<String, Mark>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    path: PathBuf,
    size: u64,
    changed_nanos: u128,
    sha256: String,
}

/// Finds the guest image in `share` and checks it; `known_file` remembers what was checked before.
///
/// # Errors
/// [`GuestImageError`].
pub fn verify(share: &Share, known_file: &Path) -> Result<GuestImage, GuestImageError> {
    let path = share.manifest();
    let bytes = std::fs::read(&path).map_err(|source| missing_or(&path, source))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| GuestImageError::Manifest { path: path.clone(), why: error.to_string() })?;
    let named = |name: &str| manifest.files.get(name).map(|entry| (name.to_owned(), entry));
    let absent = |name: &str| GuestImageError::Manifest { path: path.clone(), why: format!("it names no {name}") };
    let kernel = KERNELS.into_iter().find_map(named).ok_or_else(|| absent("kernel"))?;
    let initramfs = named(INITRAMFS).ok_or_else(|| absent(INITRAMFS))?;

    let mut known: Known =
        std::fs::read(known_file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let before = known.clone();
    let kernel = check(share, &kernel.0, kernel.1, &mut known)?;
    let initramfs = check(share, &initramfs.0, initramfs.1, &mut known)?;
    if known != before {
        remember(known_file, &known);
    }
    Ok(GuestImage { kernel, initramfs })
}

/// Losing this only costs the next start a second look.
fn remember(known_file: &Path, known: &Known) {
    let written =
        serde_json::to_vec(known).map_err(io::Error::other).and_then(|bytes| std::fs::write(known_file, bytes));
    if let Err(error) = written {
        tracing::warn!(%error, file = %known_file.display(), "the checked guest image is not remembered");
    }
}

fn check(share: &Share, name: &str, entry: &Entry, known: &mut Known) -> Result<PathBuf, GuestImageError> {
    let path = share.root().join(name);
    let read = |source| missing_or(&path, source);
    let metadata = std::fs::metadata(&path).map_err(read)?;
    let changed = metadata.modified().map_err(read)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mark = Mark {
        path: path.clone(),
        size: metadata.len(),
        changed_nanos: changed.as_nanos(),
        sha256: entry.sha256.clone(),
    };
    if known.get(name) == Some(&mark) {
        return Ok(path);
    }
    let found =
        if metadata.len() == entry.size { hash(&path).map_err(read)? } else { format!("of {} bytes", metadata.len()) };
    if found != entry.sha256 {
        return Err(GuestImageError::Damaged { path, found, expected: entry.sha256.clone() });
    }
    known.insert(name.into(), mark);
    Ok(path)
}

fn missing_or(path: &Path, source: io::Error) -> GuestImageError {
    if source.kind() == io::ErrorKind::NotFound {
        GuestImageError::Missing(path.into())
    } else {
        GuestImageError::Read { path: path.into(), source }
    }
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(folder: &Path) -> Share {
        let entry = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.join(name), bytes).unwrap();
            serde_json::json!({"size": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes))})
        };
        let files = serde_json::json!({"vmlinux": entry("vmlinux", b"kernel"), INITRAMFS: entry(INITRAMFS, b"root")});
        let manifest = serde_json::json!({"arch": "amd64", "kernel": "6.12", "files": files});
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        Share::at(folder)
    }

    #[test]
    fn a_good_image_is_found_and_a_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (share, known) = (share(folder.path()), folder.path().join("known.json"));
        let image = verify(&share, &known).unwrap();
        assert!(image.kernel.ends_with("vmlinux"));
        assert_eq!(verify(&share, &known).unwrap(), image);

        std::fs::write(folder.path().join(INITRAMFS), b"rooT").unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        File::options().write(true).open(folder.path().join(INITRAMFS)).unwrap().set_modified(later).unwrap();
        let error = verify(&share, &known).unwrap_err();
        assert_eq!(error.code(), Code::GuestImageDamaged);
        assert!(error.to_string().contains(INITRAMFS), "{error}");
    }

    #[test]
    fn a_file_that_was_checked_and_not_touched_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (share, known) = (share(folder.path()), folder.path().join("known.json"));
        verify(&share, &known).unwrap();
        let kernel = folder.path().join("vmlinux");
        let time = std::fs::metadata(&kernel).unwrap().modified().unwrap();
        std::fs::write(&kernel, b"kerneX").unwrap();
        File::options().write(true).open(&kernel).unwrap().set_modified(time).unwrap();
        assert!(verify(&share, &known).is_ok());
        std::fs::remove_file(&known).unwrap();
        assert!(verify(&share, &known).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let known = folder.path().join("known.json");
        let error = verify(&Share::at(folder.path()), &known).unwrap_err();
        assert_eq!(error.code(), Code::GuestImageMissing);
        let share = share(folder.path());
        std::fs::remove_file(folder.path().join("vmlinux")).unwrap();
        assert!(verify(&share, &known).unwrap_err().to_string().contains("vmlinux"));
    }
}
