//! What can go wrong with images, in docker's words where clients match on them.

use crate::{Digest, InvalidDigest, InvalidPlatform, InvalidReference};
use berth_database::DatabaseError;
use std::path::PathBuf;

/// The result of everything in this crate.
pub type Result<T, E = ImageError> = std::result::Result<T, E>;

/// What sort of failure it is, for a front that must choose a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was named does not exist, here or at the registry.
    NotFound,
    /// It exists and its state forbids what was asked.
    Conflict,
    /// The registry wants other credentials.
    Unauthorized,
    /// The request or the image makes no sense.
    Invalid,
    /// A registry or the network failed; the same request may succeed later.
    Unavailable,
    /// What was received or stored is not what its digest says.
    Damaged,
    /// This machine failed: disk, kernel, database.
    Internal,
}

/// A failure about images. Its text is one line and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No image of this name or id is stored.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// A repository of which nothing is stored.
    #[error("An image does not exist locally with the tag: {0}")]
    NothingToPush(String),
    /// A repository's tag that is not stored.
    #[error("tag does not exist: {0}")]
    NoSuchTag(String),
    /// An id prefix that several images share.
    #[error("{0} matches several images: give more digits of its id")]
    Ambiguous(String),
    /// No container has a snapshot under this name.
    #[error("no snapshot for container {0}")]
    NoSuchSnapshot(String),
    /// A name that is none.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// A digest that is none.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// A platform that is none.
    #[error(transparent)]
    Platform(#[from] InvalidPlatform),
    /// Removing is forbidden by who uses the image.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The registry has no such manifest.
    #[error("manifest for {0} not found: manifest unknown: {1}")]
    ManifestUnknown(String, String),
    /// The registry has no such repository.
    #[error("repository {0} not found: name unknown: {1}")]
    RepositoryUnknown(String, String),
    /// The registry has no such repository, or hides it.
    #[error("pull access denied for {0}, repository does not exist or may require 'docker login': denied: {1}")]
    AccessDenied(String, String),
    /// The registry refuses the credentials.
    #[error("{0}")]
    Unauthorized(String),
    /// No image of the index suits the platform.
    #[error("no matching manifest for {platform} in the manifest list entries: {name} offers {offered}")]
    NoMatchingPlatform {
        /// The platform asked for.
        platform: String,
        /// The image.
        name: String,
        /// What there is.
        offered: String,
    },
    /// An image that is stored is for another platform than the one asked for.
    #[error("image with reference {name} was found but does not provide the specified platform ({platform})")]
    OtherPlatform {
        /// The image.
        name: String,
        /// The platform asked for.
        platform: String,
    },
    /// The image is of a kind that this engine does not run.
    #[error("{0}")]
    Unsupported(String),
    /// The image contradicts itself or its format.
    #[error("{0}")]
    Malformed(String),
    /// The registry cannot be reached or failed.
    #[error("{0}")]
    Registry(String),
    /// Bytes that are not what their digest or size says.
    #[error("{what} is damaged: expected {expected}, got {got}; pull the image again")]
    DigestMismatch {
        /// What was read.
        what: String,
        /// The digest it should have.
        expected: Digest,
        /// The digest it has.
        got: Digest,
    },
    /// A blob of another length than was said.
    #[error("{what} is damaged: expected {expected} bytes, got {got}; pull the image again")]
    SizeMismatch {
        /// What was read.
        what: String,
        /// The size it should have, bytes.
        expected: u64,
        /// The size it has, bytes.
        got: u64,
    },
    /// Something that was found damaged before, and the image to be had again.
    #[error("{0} was damaged and set aside: pull {1} again")]
    Lost(String, String),
    /// A layer cannot be unpacked.
    #[error("failed to unpack layer {layer}: {why}")]
    Unpack {
        /// The layer's diff id or archive name.
        layer: String,
        /// Which entry and why.
        why: String,
    },
    /// The store's directory or a filesystem call failed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("image database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The database was written by a newer release.
    #[error("the image database has format {found}, this release knows {known}: update Berth")]
    NewerFormat {
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// Something of this program broke.
    #[error("{0}")]
    Internal(String),
}

impl ImageError {
    /// What sort of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchImage(_)
            | Self::NothingToPush(_)
            | Self::NoSuchTag(_)
            | Self::NoSuchSnapshot(_)
            | Self::ManifestUnknown(..)
            | Self::RepositoryUnknown(..)
            | Self::AccessDenied(..)
            | Self::NoMatchingPlatform { .. }
            | Self::OtherPlatform { .. } => ErrorKind::NotFound,
            Self::Ambiguous(_)
            | Self::Reference(_)
            | Self::Digest(_)
            | Self::Platform(_)
            | Self::Unsupported(_)
            | Self::Malformed(_)
            | Self::Unpack { .. } => ErrorKind::Invalid,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Unauthorized(_) => ErrorKind::Unauthorized,
            Self::Registry(_) => ErrorKind::Unavailable,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::Lost(..) => ErrorKind::Damaged,
            Self::Io { .. } | Self::Database(_) | Self::NewerFormat { .. } | Self::Internal(_) => ErrorKind::Internal,
        }
    }
}

impl From<DatabaseError> for ImageError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Sqlite(error) => error.into(),
            DatabaseError::Io { path, source } => Self::Io { doing: "write", path, source },
            DatabaseError::Damaged(_) => Self::Internal(error.to_string()),
        }
    }
}

/// Names the file that an I/O failure is about.
pub(crate) trait IoContext<T> {
    fn at(self, doing: &'static str, path: impl AsRef<std::path::Path>) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> IoContext<T> for std::result::Result<T, E> {
    fn at(self, doing: &'static str, path: impl AsRef<std::path::Path>) -> Result<T> {
        self.map_err(|e| ImageError::Io { doing, path: path.as_ref().to_owned(), source: e.into() })
    }
}
