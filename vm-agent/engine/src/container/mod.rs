//! Containers: what is asked of one, what one is, and the states it goes through.

mod config;
mod details;
mod list;
mod request;
mod state;

pub use config::{
    ContainerConfig, Healthcheck, HostConfig, LogConfig, Mount, MountKind, NetworkMode, PortBinding, Resources,
    RestartPolicy, Ulimit,
};
pub use details::{ContainerDetails, Endpoint, MountPoint, NetworkSettings, StateDetails};
pub use list::{ContainerFilters, ContainerSummary, ListOptions, PublishedPort};
pub use request::{CreateContainer, Created, RemoveOptions, StopOptions, WaitCondition, WaitOutcome};
pub use state::ContainerState;
