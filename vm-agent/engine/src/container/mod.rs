//! Containers: what is asked of one, what one is, and the states it goes through.

mod config;
mod details;
mod effective;
mod health;
mod life;
mod list;
mod machine_bind;
mod mount_plan;
pub(crate) mod name;
mod record;
mod request;
mod resources;
mod state;
mod status_text;

pub use config::{
    ContainerConfig, DeviceMapping, Healthcheck, HostConfig, LogConfig, Mount, MountKind, NetworkMode, PortBinding,
    ReadOnlyReach, RestartPolicy, Ulimit,
};
pub use details::{ContainerDetails, Endpoint, EndpointSettings, MountPoint, NetworkSettings, StateDetails};
pub(crate) use effective::{fill as fill_from_image, ports as image_ports};
pub(crate) use health::Schedule;
pub use health::{Health, HealthStatus, Probe};
pub(crate) use life::{Life, Turn, UNSEEN_EXIT};
pub use list::{ContainerFilters, ContainerSize, ContainerSummary, ListOptions, PruneFilters, Pruned, PublishedPort};
pub(crate) use machine_bind::check as check_machine_bind;
pub(crate) use mount_plan::{Wish, WishKind, plan as plan_mounts, volumes_from};
pub(crate) use record::{Definition, Live, MountSpec};
pub use request::{CreateContainer, Created, RemoveOptions, StopOptions, WaitCondition, WaitOutcome};
pub(crate) use resources::Tuning;
pub use resources::{Resources, ThrottleDevice, UpdateContainer, WeightDevice};
pub use state::ContainerState;
pub(crate) use status_text::status_text;
