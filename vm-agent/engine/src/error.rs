//! The engine's errors. The texts of those that docker has too are docker's own, since clients match on them.

use crate::container::ContainerState;

/// What kind of answer an error is; a front maps it to its own codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The named thing does not exist.
    NotFound,
    /// It is in the way of something that exists, or in the wrong state.
    Conflict,
    /// It is already so; nothing was done.
    NotModified,
    /// The request makes no sense.
    InvalidParameter,
    /// It is refused on principle.
    Forbidden,
    /// The caller has to log in somewhere first.
    Unauthorized,
    /// It cannot be done now.
    Unavailable,
    /// It cannot be done with such a thing at all.
    Unsupported,
    /// The engine's own fault, or the system's.
    Internal,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No container has this id, id prefix or name.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// No image has this id or reference.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// No volume has this name.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// No network has this id or name.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// A short id fits several containers.
    #[error("multiple IDs found with provided prefix: {0}")]
    AmbiguousId(String),
    /// The name belongs to another container.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name, without slash.
        name: String,
        /// The id of the container that has it.
        holder: String,
    },
    /// The name has characters that docker refuses.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    InvalidName(String),
    /// Removal of a running container without force.
    #[error(
        "cannot remove container \"/{name}\": container is {state}: {}stop the container before removing or force remove",
        if *state == ContainerState::Paused { "unpause and then " } else { "" }
    )]
    StillRunning {
        /// The name, without slash.
        name: String,
        /// The state it is in.
        state: ContainerState,
    },
    /// A removal of the same container is under way.
    #[error("removal of container {0} is already in progress")]
    RemovalInProgress(String),
    /// The container is marked for removal and can no longer be started or waited for.
    #[error("container is marked for removal and cannot be started")]
    MarkedForRemoval,
    /// Kill of a container that does not run.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// A kill failed.
    #[error("cannot kill container: {name}: {source}")]
    KillFailed {
        /// As the caller named it.
        name: String,
        /// Why.
        source: Box<Self>,
    },
    /// The container is in the asked state already.
    #[error("container {id} is already {state}")]
    AlreadyInState {
        /// As the caller named it.
        id: String,
        /// The state.
        state: &'static str,
    },
    /// The process could not be started. Docker's exit code for the client is in the text's kind: the container keeps
    /// it as its exit code (126 not executable, 127 not found, else 128 or 125).
    #[error("{message}")]
    StartFailed {
        /// Docker's sentence.
        message: String,
        /// Whether the user asked for something that is not there (docker answers 400) rather than a fault of ours.
        callers_fault: bool,
    },
    /// The host refused to publish a port.
    #[error("{0}")]
    PortRefused(String),
    /// Another object uses the image.
    #[error("{0}")]
    ImageInUse(String),
    /// A container uses the volume.
    #[error("remove {name}: volume is in use - [{users}]")]
    VolumeInUse {
        /// The volume.
        name: String,
        /// Ids of its users, comma separated.
        users: String,
    },
    /// Some other conflict, with its whole sentence.
    #[error("{0}")]
    Conflict(String),
    /// The request makes no sense, with the whole sentence.
    #[error("{0}")]
    InvalidParameter(String),
    /// Something else that does not exist, with the whole sentence.
    #[error("{0}")]
    NotFound(String),
    /// Refused on principle, with the whole sentence.
    #[error("{0}")]
    Forbidden(String),
    /// The registry wants credentials, with the whole sentence.
    #[error("{0}")]
    Unauthorized(String),
    /// Its output is not kept.
    #[error("configured logging driver does not support reading")]
    LogNotKept,
    /// Cannot be done now, with the whole sentence.
    #[error("{0}")]
    Unavailable(String),
    /// The system failed the engine, or the engine itself; with what was being done.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The error without the words that a use-case put in front.
    pub(crate) fn unwrapped(self) -> Self {
        match self {
            Self::KillFailed { source, .. } => *source,
            other => other,
        }
    }

    /// What kind of answer this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::KillFailed { source, .. } => source.kind(),
            Self::NoSuchContainer(_)
            | Self::NoSuchImage(_)
            | Self::NoSuchVolume(_)
            | Self::NoSuchNetwork(_)
            | Self::NotFound(_) => ErrorKind::NotFound,
            Self::NameInUse { .. }
            | Self::StillRunning { .. }
            | Self::RemovalInProgress(_)
            | Self::MarkedForRemoval
            | Self::NotRunning(_)
            | Self::ImageInUse(_)
            | Self::VolumeInUse { .. }
            | Self::Conflict(_) => ErrorKind::Conflict,
            Self::AlreadyInState { .. } => ErrorKind::NotModified,
            Self::AmbiguousId(_)
            | Self::InvalidName(_)
            | Self::InvalidParameter(_)
            | Self::StartFailed { callers_fault: true, .. } => ErrorKind::InvalidParameter,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::Unauthorized(_) => ErrorKind::Unauthorized,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::LogNotKept => ErrorKind::Unsupported,
            Self::PortRefused(_) | Self::StartFailed { callers_fault: false, .. } | Self::Internal(_) => {
                ErrorKind::Internal
            }
        }
    }
}
