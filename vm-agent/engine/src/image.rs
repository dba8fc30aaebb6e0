//! Images, as the engine tells about them.

pub use berth_image::{
    Checked, Damage, DamageKind, Described, DescribedPlatform, Found, LayerFiles, LoadEvent, PushEvent, UploadProgress,
    WastedFile,
};

use crate::{ContainerPort, Timestamp, container::Healthcheck};
use std::collections::{BTreeMap, BTreeSet};

/// Who pulls or pushes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RegistryAuth {
    /// User name; empty with an identity token.
    pub username: String,
    /// Password.
    pub password: String,
    /// A refresh token instead of a password.
    pub identity_token: String,
    /// A bearer token to be sent as it is.
    pub registry_token: String,
}

impl std::fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RegistryAuth(..)")
    }
}

/// What a pull says while it goes on. The stream ends after [`PullProgress::Done`], or with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullProgress {
    /// Begins: docker's `Pulling from library/nginx`, id is the tag or digest.
    Started {
        /// The repository's path, such as `library/nginx`.
        repository: String,
        /// Tag or digest.
        tag: String,
    },
    /// News of one layer.
    Layer {
        /// The first 12 digits of its digest.
        id: String,
        /// What is happening to it.
        step: LayerStep,
    },
    /// The whole is there.
    Done {
        /// Of the manifest or index.
        digest: String,
        /// The reference in full, `docker.io/library/nginx:latest`.
        reference: String,
        /// Nothing had to be fetched.
        up_to_date: bool,
    },
}

/// What is happening to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerStep {
    /// Needed and not here.
    Needed,
    /// Waits for its turn, or for another pull that fetches it already.
    Waiting,
    /// Was here before.
    AlreadyExists,
    /// Bytes so far and in all.
    Downloading {
        /// Bytes.
        current: u64,
        /// Bytes.
        total: u64,
    },
    /// All bytes came, their digest is being compared.
    Verifying,
    /// Fetched and its digest right.
    Downloaded,
    /// Bytes so far and in all, of the compressed layer.
    Extracting {
        /// Bytes.
        current: u64,
        /// Bytes.
        total: u64,
    },
    /// Unpacked.
    Complete,
}

/// What a check of the images says while it goes on. The stream ends after [`CheckStep::Done`], or with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// Bytes so far and in all.
    Read {
        /// Bytes.
        current: u64,
        /// Bytes.
        total: u64,
    },
    /// What was found; containers by name.
    Done(Checked),
}

/// Which images to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFilters {
    /// References, `*` allowed.
    pub reference: Vec<String>,
    /// `key` or `key=value`.
    pub label: Vec<String>,
    /// Only those without a name, or only those with.
    pub dangling: Option<bool>,
    /// Made before this image.
    pub before: Vec<String>,
    /// Made after this image.
    pub since: Vec<String>,
    /// Made before then.
    pub until: Option<Timestamp>,
}

/// Which images to prune.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneImages {
    /// Those with a tag too, unless a container has them.
    pub all: bool,
    /// Made before then.
    pub until: Option<Timestamp>,
    /// All of these: `key` or `key=value`.
    pub label: Vec<String>,
    /// None of these.
    pub label_not: Vec<String>,
}

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunedImages {
    /// In order.
    pub removed: Vec<ImageRemoval>,
    /// Bytes of files that no image has any more.
    pub space_reclaimed: u64,
}

/// An image, layer by layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exploration {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// Lowest first.
    pub layers: Vec<ExploredLayer>,
    /// The files that waste most, the largest first.
    pub largest: Vec<WastedFile>,
}

/// A layer, and what it does to the files of those below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExploredLayer {
    /// Digest of the uncompressed archive.
    pub diff_id: String,
    /// As the image says.
    pub created: Option<Timestamp>,
    /// The command, as the image says.
    pub created_by: String,
    /// Unpacked, bytes.
    pub size: u64,
    /// Counts and bytes.
    pub files: LayerFiles,
}

/// An image that a tag means, or meant before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMeaning {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// As the image says.
    pub created: Option<Timestamp>,
    /// Unpacked, bytes.
    pub size: u64,
    /// When the tag was put on it.
    pub tagged: Timestamp,
    /// When another image took its place; `None` for the one of now.
    pub replaced: Option<Timestamp>,
}

/// How one layer, or one change without a layer, came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image that it made, where it is the uppermost.
    pub id: Option<String>,
    /// As the image says.
    pub created: Option<Timestamp>,
    /// The command.
    pub created_by: String,
    /// Tags of the image that it made.
    pub tags: Vec<String>,
    /// Unpacked, bytes.
    pub size: u64,
    /// A remark.
    pub comment: String,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// `nginx:latest`.
    pub repo_tags: Vec<String>,
    /// `nginx@sha256:...`.
    pub repo_digests: Vec<String>,
    /// As the image says.
    pub created: Option<Timestamp>,
    /// Unpacked, bytes.
    pub size: u64,
    /// As the image says.
    pub labels: BTreeMap<String, String>,
    /// Containers made from it.
    pub containers: usize,
    /// Bytes of layers that other images have too, when asked for.
    pub shared: Option<u64>,
}

/// What inspect shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDetails {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// `nginx:latest`.
    pub repo_tags: Vec<String>,
    /// `nginx@sha256:...`.
    pub repo_digests: Vec<String>,
    /// As the image says.
    pub created: Option<Timestamp>,
    /// As the image says.
    pub author: String,
    /// As the image says.
    pub comment: String,
    /// `amd64`.
    pub architecture: String,
    /// `v8`; empty when none.
    pub variant: String,
    /// `linux`.
    pub os: String,
    /// Unpacked, bytes.
    pub size: u64,
    /// Digests of the unpacked layers, lowest first.
    pub diff_ids: Vec<String>,
    /// When a tag was last put on it.
    pub last_tagged: Option<Timestamp>,
    /// What its layers are stacked with.
    pub storage_driver: String,
    /// What a container takes from it.
    pub config: ImageConfig,
}

/// What a container takes from its image, besides the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// Arguments.
    pub cmd: Vec<String>,
    /// What runs.
    pub entrypoint: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// `user[:group]`.
    pub user: String,
    /// Absolute.
    pub working_dir: String,
    /// Paths that get an anonymous volume.
    pub volumes: BTreeSet<String>,
    /// Ports it says it listens on.
    pub exposed_ports: BTreeSet<ContainerPort>,
    /// Data.
    pub stop_signal: Option<String>,
    /// Data.
    pub healthcheck: Option<Healthcheck>,
    /// Data.
    pub labels: BTreeMap<String, String>,
    /// Instructions for images that are built from it.
    pub on_build: Vec<String>,
    /// What runs the shell form of instructions.
    pub shell: Vec<String>,
}

/// What a removal did, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageRemoval {
    /// A name is gone.
    Untagged(String),
    /// An image or layer is gone.
    Deleted(String),
}
