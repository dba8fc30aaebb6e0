//! Containers as a list shows them, and the options of the verbs on them.

mod options;
mod row;
mod update;

pub use options::{ContainerQuery, LogChunk, LogOptions, RemoveOptions, WaitFor};
pub use row::{ContainerRow, ContainerState, PortRow, url};
pub use update::Update;

/// What the engine lists of a container, and of a mount of it.
pub use bollard::models::{ContainerSummary, MountPoint};
