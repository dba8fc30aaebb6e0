//! The machine and the engine as a whole.

pub use berth_protocol::settings::ProxySettings;

use crate::{Timestamp, container::ContainerSummary, image::ImageSummary, volume::Volume};

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
    /// The log driver of a container that asks for none.
    pub log_driver: String,
    /// The seccomp profile of one that asks for none: `builtin`, `unconfined` or `custom`.
    pub seccomp_profile: String,
    /// No process gains privileges unless a container asks for it.
    pub no_new_privileges: bool,
    /// Containers that do not say otherwise have users of their own.
    pub userns_remap: bool,
    /// Registries that are asked before docker.io, in order.
    pub registry_mirrors: Vec<String>,
    /// Registries that need no TLS, or ranges of their addresses.
    pub insecure_registries: Vec<String>,
    /// What registries are reached through; no password is in it.
    pub proxies: ProxySettings,
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

/// What takes room on the data disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskObject {
    /// What containers have written.
    Container,
    /// Layers.
    Image,
    /// Data of volumes.
    Volume,
}

/// How much it takes; `None` for what was not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskUsage {
    /// All, with their sizes.
    pub containers: Option<Vec<ContainerSummary>>,
    /// All images.
    pub images: Option<ImagesUsage>,
    /// All volumes.
    pub volumes: Option<Vec<VolumeUsage>>,
}

/// How much images take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagesUsage {
    /// All.
    pub images: Vec<ImageUsage>,
    /// Bytes of all layers, each once.
    pub layers: u64,
    /// Bytes of all but what images that containers use have to themselves.
    pub reclaimable: u64,
}

/// How much an image takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUsage {
    /// The image.
    pub summary: ImageSummary,
    /// Bytes of its layers that other images have too.
    pub shared: u64,
}

/// How much a volume takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeUsage {
    /// The volume.
    pub volume: Volume,
    /// Bytes of its files.
    pub size: u64,
    /// Containers that have it.
    pub users: usize,
}
