//! What `run` and `create` take: docker's options as data, parsed by pure functions that a CLI and a form share.

pub mod endpoint;
pub mod environment;
pub mod form;
pub mod gpu;
pub mod health;
pub mod isolation;
pub mod limits;
pub mod logging;
pub mod publish;
pub mod quantity;
pub mod restart;
pub mod volume;

mod body;

pub use endpoint::{Attachment, Endpoint};
pub use form::{LimitsForm, RunForm};
pub use limits::Limits;
pub use publish::PublishSpec;
pub use restart::RestartSpec;
pub use volume::{VolumeSource, VolumeSpec};

use serde::{Deserialize, Serialize};

/// A container to create. `Default` is docker's default for everything except `image`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(default)]
pub struct RunRequest {
    /// Reference of the image, such as `nginx:1.27`.
    pub image: String,
    /// Such as `linux/arm64`; the machine's own for `None`.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub platform: Option<String>,
    /// The container's name; the engine makes one up for `None`.
    pub name: Option<String>,
    /// Arguments after the image; empty for the image's own.
    pub command: Vec<String>,
    /// Instead of the image's entrypoint; an empty string clears it.
    pub entrypoint: Option<String>,
    /// `KEY=value`, in order.
    pub env: Vec<String>,
    /// Published ports.
    pub publish: Vec<PublishSpec>,
    /// Publish every port the image exposes on a free host port.
    pub publish_all: bool,
    /// Volumes.
    pub volumes: Vec<VolumeSpec>,
    /// Working directory.
    pub workdir: Option<String>,
    /// `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// Labels, key and value.
    pub labels: Vec<(String, String)>,
    /// Host name inside.
    pub hostname: Option<String>,
    /// Its networks; the default one without any. The first is the mode, so that it may be `host` or `none`.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub networks: Vec<Attachment>,
    /// When the engine starts it again.
    pub restart: RestartSpec,
    /// The root filesystem cannot be written.
    pub read_only: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// Keep its standard input open.
    pub interactive: bool,
    /// Which of its streams somebody is attached to at its start.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub attach: Attach,
    /// Remove it when it ends.
    pub auto_remove: bool,
    /// The ports that it listens on besides the image's and the published ones, such as `80/tcp`.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub expose: Vec<String>,
    /// The signal that stops it, instead of the image's.
    pub stop_signal: Option<String>,
    /// Seconds it may take to stop; -1 is for ever.
    pub stop_timeout: Option<i32>,
    /// How much it may take; no limits by default.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub limits: Limits,
    /// What single devices give it.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub device_rates: limits::DeviceRates,
    /// What it is kept from and what it is given; the window asks for docker's defaults.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub isolation: isolation::Isolation,
    /// How it is asked whether it is well; `None` leaves that to the image.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub health: Option<health::HealthSpec>,
    /// How its output is kept.
    #[serde(skip)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub log: logging::LogSpec,
}

/// Standard streams that somebody is attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// Its input is that of one client alone.
    pub stdin: bool,
    /// Its output.
    pub stdout: bool,
    /// Its errors.
    pub stderr: bool,
}
