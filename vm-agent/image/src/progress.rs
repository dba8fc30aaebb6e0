//! What a pull, a push and a load tell while they run, in docker's order and words.

use crate::{Digest, ImageId, Reference};
use std::{fmt, sync::Arc};

/// Takes the events of a pull. Called from many threads; it should return at once.
pub type Progress = Arc<dyn Fn(PullEvent) + Send + Sync>;

/// Takes the events of a load, as [`Progress`] does those of a pull.
pub type LoadProgress = Arc<dyn Fn(LoadEvent) + Send + Sync>;

/// One event of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadEvent {
    /// Bytes of a layer were read.
    Layer {
        /// The first twelve digits of its diff id.
        id: String,
        /// Bytes so far.
        current: u64,
        /// All bytes.
        total: u64,
    },
    /// A name means the loaded image now, and meant another before.
    Renamed {
        /// The name.
        name: Reference,
        /// The image that it meant.
        old: ImageId,
    },
    /// An image is stored; told once for each of its names.
    Loaded {
        /// The image.
        id: ImageId,
        /// The name it was loaded under.
        name: Option<Reference>,
    },
}

impl fmt::Display for LoadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer { .. } => f.write_str("Loading layer"),
            Self::Renamed { name, old } => write!(
                f,
                "The image {} already exists, renaming the old one with ID {old} to empty string",
                name.familiar()
            ),
            Self::Loaded { name: Some(name), .. } => write!(f, "Loaded image: {}", name.familiar()),
            Self::Loaded { id, name: None } => write!(f, "Loaded image ID: {id}"),
        }
    }
}

/// One event of a pull. `Display` gives the text of docker's `status` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullEvent {
    /// The pull has begun: docker's `Pulling from library/nginx`, with the tag as the message's id.
    Pulling {
        /// What is pulled.
        reference: Reference,
    },
    /// Something about one layer.
    Layer {
        /// The first twelve digits of the blob's digest: docker's id of the message.
        id: String,
        /// What happened to it.
        progress: LayerProgress,
    },
    /// The digest of the manifest or index that the registry served.
    Digest(Digest),
    /// The pull is done.
    Status {
        /// Whether anything changed.
        status: PullStatus,
        /// What was pulled.
        reference: Reference,
    },
}

/// What happened to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerProgress {
    /// It is needed and not here.
    PullingFsLayer,
    /// It waits for its turn, or for another pull that already fetches it.
    Waiting,
    /// Bytes have come.
    Downloading {
        /// Bytes so far.
        current: u64,
        /// All bytes.
        total: u64,
    },
    /// All bytes have come, their digest is being compared.
    VerifyingChecksum,
    /// The blob is complete and right.
    DownloadComplete,
    /// Compressed bytes were unpacked.
    Extracting {
        /// Bytes so far.
        current: u64,
        /// All bytes.
        total: u64,
    },
    /// The layer is unpacked and durable.
    PullComplete,
    /// The layer was here before.
    AlreadyExists,
}

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// The name now means another image than before.
    Downloaded,
    /// The name means the image that it meant before.
    UpToDate,
}

/// Takes the events of a push. Called from many threads; it should return at once.
pub type PushProgress = Arc<dyn Fn(PushEvent) + Send + Sync>;

/// One event of a push. `Display` gives the text of docker's `status` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEvent {
    /// The push has begun.
    Refers {
        /// The repository in full, `docker.io/library/nginx`.
        repository: String,
    },
    /// Something about one layer.
    Layer {
        /// The first twelve digits of its diff id: docker's id of the message.
        id: String,
        /// What happened to it.
        progress: UploadProgress,
    },
    /// One tag is there.
    Done {
        /// The tag.
        tag: String,
        /// Of the manifest.
        digest: Digest,
        /// Of the manifest, bytes.
        size: u64,
    },
}

/// What happened to a layer that is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadProgress {
    /// It belongs to the image.
    Preparing,
    /// It waits for its turn.
    Waiting,
    /// Bytes have gone.
    Pushing {
        /// Bytes so far.
        current: u64,
        /// All bytes.
        total: u64,
    },
    /// All bytes have gone, and the registry found them right.
    Pushed,
    /// The repository has it.
    AlreadyExists,
    /// The registry took it from another of its repositories.
    Mounted {
        /// That repository's path.
        source: String,
    },
}

impl fmt::Display for PushEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refers { repository } => write!(f, "The push refers to repository [{repository}]"),
            Self::Layer { progress, .. } => match progress {
                UploadProgress::Preparing => f.write_str("Preparing"),
                UploadProgress::Waiting => f.write_str("Waiting"),
                UploadProgress::Pushing { .. } => f.write_str("Pushing"),
                UploadProgress::Pushed => f.write_str("Pushed"),
                UploadProgress::AlreadyExists => f.write_str("Layer already exists"),
                UploadProgress::Mounted { source } => write!(f, "Mounted from {source}"),
            },
            Self::Done { tag, digest, size } => write!(f, "{tag}: digest: {digest} size: {size}"),
        }
    }
}

impl fmt::Display for PullEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pulling { reference } => write!(f, "Pulling from {}", reference.path()),
            Self::Layer { progress, .. } => f.write_str(match progress {
                LayerProgress::PullingFsLayer => "Pulling fs layer",
                LayerProgress::Waiting => "Waiting",
                LayerProgress::Downloading { .. } => "Downloading",
                LayerProgress::VerifyingChecksum => "Verifying Checksum",
                LayerProgress::DownloadComplete => "Download complete",
                LayerProgress::Extracting { .. } => "Extracting",
                LayerProgress::PullComplete => "Pull complete",
                LayerProgress::AlreadyExists => "Already exists",
            }),
            Self::Digest(digest) => write!(f, "Digest: {digest}"),
            Self::Status { status: PullStatus::Downloaded, reference } => {
                write!(f, "Status: Downloaded newer image for {}", reference.familiar())
            }
            Self::Status { status: PullStatus::UpToDate, reference } => {
                write!(f, "Status: Image is up to date for {}", reference.familiar())
            }
        }
    }
}
