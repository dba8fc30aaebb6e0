//! The machine and the engine as a whole.

use crate::Timestamp;

/// What info shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemInfo {
    /// Made at the first start, kept since.
    pub id: String,
    /// All containers.
    pub containers: usize,
    /// Those that run.
    pub running: usize,
    /// Those that are frozen.
    pub paused: usize,
    /// The others.
    pub stopped: usize,
    /// Images.
    pub images: usize,
    /// `overlay2`.
    pub storage_driver: String,
    /// The file system of the data disk.
    pub backing_filesystem: String,
    /// `6.12.57+deb13-cloud-amd64`.
    pub kernel_version: String,
    /// For people: the guest's name for itself.
    pub operating_system: String,
    /// The kernel's word: `x86_64`, `aarch64`.
    pub machine: String,
    /// Processors.
    pub cpus: usize,
    /// Bytes.
    pub memory: u64,
    /// The guest's host name.
    pub hostname: String,
    /// Where durable state is.
    pub root_dir: String,
    /// Now.
    pub now: Timestamp,
    /// How many listen to events.
    pub event_listeners: usize,
    /// Open files of the engine.
    pub open_files: usize,
    /// Sentences the user should see.
    pub warnings: Vec<String>,
}

/// What version shows, besides the front's own numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// The engine's.
    pub version: String,
    /// `6.12.57+deb13-cloud-amd64`.
    pub kernel_version: String,
    /// Go's word, as docker prints: `amd64`, `arm64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
}
