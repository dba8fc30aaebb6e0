//! Containers as a list shows them, and the options of the verbs on them.

mod options;
mod row;

pub use options::{LogChunk, LogOptions, RemoveOptions, WaitFor};
pub use row::{ContainerRow, ContainerState, PortRow, url};
