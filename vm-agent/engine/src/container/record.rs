//! What the engine keeps of a container: the part that never changes and the part that does.

use super::{ContainerConfig, HostConfig, MountPoint, NetworkSettings, ReadOnlyReach, Tuning, life::Life};
use crate::Timestamp;
use berth_protocol::publish::Publication;
use serde::{Deserialize, Serialize};

/// The part that is fixed when the container is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// 64 hex digits.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// `sha256:` and 64 hex digits.
    pub(crate) image_id: String,
    /// What runs: never empty.
    pub(crate) argv: Vec<String>,
    /// The half that travels, filled from the image.
    pub(crate) config: ContainerConfig,
    /// The half of this machine, as asked.
    pub(crate) host: HostConfig,
    /// Volumes and tmpfs, in the order they are mounted.
    pub(crate) mounts: Vec<MountSpec>,
}

/// One mount with what its making needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountSpec {
    /// What clients see.
    pub(crate) point: MountPoint,
    /// Fill an empty volume from the image.
    pub(crate) fill: bool,
    /// The volume was made for this container and goes with it when asked.
    pub(crate) anonymous: bool,
    /// Options of a tmpfs, as mount(8) takes them.
    pub(crate) tmpfs_options: Vec<String>,
    /// How far it is read-only when it is.
    #[serde(default)]
    pub(crate) read_only_reach: ReadOnlyReach,
    /// A bind that leaves out what is mounted below its source.
    #[serde(default)]
    pub(crate) non_recursive: bool,
}

/// The part that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Live {
    /// Without slash.
    pub(crate) name: String,
    /// Where it is in its life.
    pub(crate) life: Life,
    /// Where it is on the network.
    pub(crate) network: NetworkSettings,
    /// What the host listens on for it, with the ports it got.
    pub(crate) publications: Vec<Publication>,
    /// Its volumes were filled from the image.
    pub(crate) filled: bool,
    /// What root in its user namespace is outside; `None` while it has none of its own.
    #[serde(default)]
    pub(crate) users: Option<u32>,
    /// What an update changed; `None` while all is as it was made.
    #[serde(default)]
    pub(crate) tuning: Option<Tuning>,
}

impl Definition {
    /// The first twelve digits: what people see.
    pub(crate) fn short_id(&self) -> &str {
        &self.id[..12]
    }

    /// The names of the volumes it uses.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &MountSpec> {
        self.mounts.iter().filter(|mount| mount.point.kind == super::MountKind::Volume)
    }
}
