//! What happens, told to whoever listens.

mod broker;
mod filter;

pub(crate) use broker::Broker;

use crate::Timestamp;
use std::collections::BTreeMap;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// The engine itself.
    Daemon,
}

impl EventKind {
    /// Docker's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Daemon => "daemon",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: EventKind,
    /// Docker's word: `create`, `start`, `die`, `destroy`, `pull`, `mount`, `connect`, ...
    pub action: String,
    /// Id or name of what it is about.
    pub actor: String,
    /// Docker's attributes: `name`, `image`, `exitCode`, `signal` and the labels.
    pub attributes: BTreeMap<String, String>,
    /// When.
    pub at: Timestamp,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventOptions {
    /// Those kept since then, before the live ones.
    pub since: Option<Timestamp>,
    /// The stream ends then.
    pub until: Option<Timestamp>,
    /// Which.
    pub filters: EventFilters,
}

/// Each list is an "or"; different lists are an "and"; labels are an "and".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilters {
    /// Words of [`EventKind::as_str`].
    pub kind: Vec<String>,
    /// Actions; `exec_create` fits `exec_create: sh` too.
    pub action: Vec<String>,
    /// Ids or names.
    pub container: Vec<String>,
    /// References or ids.
    pub image: Vec<String>,
    /// Names.
    pub volume: Vec<String>,
    /// Names or ids.
    pub network: Vec<String>,
    /// `key` or `key=value`.
    pub label: Vec<String>,
    /// Ids or names of the engine.
    pub daemon: Vec<String>,
    /// `local`; nothing happens in any other scope.
    pub scope: Vec<String>,
}
