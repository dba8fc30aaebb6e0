//! What the engine stands on, each as a trait: the runtime, images, root filesystems, the network, the host's ports
//! and the clock. Each has its real form here and a fake in `crate::fake`.

mod clock;
mod images;
mod names;
mod network;
mod ports;
mod runtime;
mod snapshots;

pub use clock::{Clock, SystemClock};
pub use images::{Images, InUse};
pub use names::NameServers;
pub use network::NetworkBackend;
pub(crate) use network::setup_failed;
pub use ports::{PortPublisher, PublishError};
pub use runtime::{
    AttachRequest, Attached, ExitRecord, Liveness, ProcessInput, ProcessOutput, Runtime, RuntimeError, StartError,
};
pub use snapshots::Snapshotter;

use std::sync::Arc;

/// Everything the engine stands on.
#[derive(Clone)]
pub struct Seams {
    /// Runs containers.
    pub runtime: Arc<dyn Runtime>,
    /// Knows images.
    pub images: Arc<dyn Images>,
    /// Gives a container its files.
    pub snapshots: Arc<dyn Snapshotter>,
    /// Puts a container on the network.
    pub network: Arc<dyn NetworkBackend>,
    /// Answers containers that ask for names.
    pub names: Arc<dyn NameServers>,
    /// Publishes ports on the host.
    pub ports: Arc<dyn PortPublisher>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}
