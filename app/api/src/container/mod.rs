//! Containers as a list shows them, and the options of the verbs on them.

mod lines;
mod options;
mod row;
mod update;
mod usage;

pub use lines::LogLine;
pub(crate) use lines::lines;
pub use options::{ContainerQuery, LogChunk, LogOptions, RemoveOptions, WaitFor};
pub use row::{ContainerRow, ContainerState, PortRow, url};
pub use update::Update;
pub use usage::{Pressure, Usage};

/// What the engine lists of a container, and of a mount of it.
pub use bollard::models::{ContainerSummary, MountPoint};
