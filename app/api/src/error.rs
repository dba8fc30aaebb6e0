//! Why a request of this crate failed, and its [`Problem`] for people.

use crate::problem::{Code, Problem};
use std::path::PathBuf;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// berthd answered with a problem.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The engine, or berthd in its place, refused a container request.
    #[error("{message}")]
    Engine {
        /// HTTP status.
        status: u16,
        /// The engine's sentence, docker's words.
        message: String,
    },
    /// No berthd answers on the socket.
    #[error("{}", crate::machine::STOPPED_TEXT)]
    Unreachable {
        /// Where it should.
        socket: PathBuf,
        /// What connecting said.
        source: std::io::Error,
    },
    /// The connection to berthd broke or carried nonsense.
    #[error("the connection to the Berth machine broke: {0}")]
    Broken(String),
    /// berthd could not be started.
    #[error("berthd did not start: {why}")]
    Daemon {
        /// What it said last.
        why: String,
        /// Its log.
        log: PathBuf,
    },
    /// The state folder cannot be used.
    #[error("{0}")]
    Home(String),
    /// Something that ships with Berth is not there.
    #[error("{what} is missing")]
    Missing {
        /// What.
        what: String,
        /// What to do.
        hint: String,
    },
    /// An argument is malformed; docker's words.
    #[error("{0}")]
    Invalid(String),
    /// A file or stream of this side failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something took longer than it may.
    #[error("{0}")]
    Timeout(String),
}

impl Error {
    /// For `map_err`: an I/O failure with what was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Whether the named object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Engine { status: 404, .. })
    }

    /// What a client shows.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let new = |code| Problem::new(code, self.to_string());
        match self {
            Self::Problem(problem) => problem.clone(),
            Self::Engine { status, message } => engine(*status, message),
            Self::Unreachable { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Problem::new(Code::DaemonUnreachable, "the socket of the Berth machine belongs to another user")
                    .hint("run this as the user who started Berth, or set BERTH_HOME to a folder of your own")
            }
            Self::Unreachable { .. } => new(Code::MachineStopped),
            Self::Broken(_) => new(Code::DaemonUnreachable).hint("see the state of the machine with: berth status"),
            Self::Daemon { log, .. } => new(Code::DaemonFailed).hint(format!("its log is {}", log.display())),
            Self::Home(_) => new(Code::HomeUnusable),
            Self::Missing { hint, .. } => new(Code::GuestImageMissing).hint(hint.clone()),
            Self::Invalid(_) => new(Code::InvalidArgument),
            Self::Io { .. } => new(Code::Io),
            Self::Timeout(_) => new(Code::Timeout),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.problem()
    }
}

/// The code and the hint for a sentence of the engine.
fn engine(status: u16, message: &str) -> Problem {
    let port = ["port is already allocated", "all ports are allocated", "ports are not available"];
    let port = port.iter().any(|words| message.contains(words));
    let new = |code| Problem::new(code, message);
    match status {
        _ if message.contains(crate::machine::STOPPED_TEXT) => new(Code::MachineStopped),
        _ if port => new(Code::PortInUse)
            .hint("stop what holds the port, or publish another one, such as -p 0:80 for a free one"),
        404 if message.contains("No such image") || message.contains("manifest unknown") => {
            new(Code::NotFound).hint("check the spelling of the image, or see those on this machine with: berth images")
        }
        404 if message.contains("No such container") => {
            new(Code::NotFound).hint("see all containers with: berth ps -a")
        }
        404 => new(Code::NotFound),
        409 if message.contains("is already in use by container") => {
            new(Code::Conflict).hint("remove that container with: berth rm -f NAME, or choose another --name")
        }
        409 => new(Code::Conflict),
        400 => new(Code::InvalidArgument),
        403 if message.contains("has active endpoints") => new(Code::Conflict)
            .hint("take its containers off with: berth network disconnect NETWORK CONTAINER, or remove them first"),
        // Of networks only: what a registry forbids is a 401.
        403 => new(Code::Conflict),
        401 => new(Code::Registry).hint("log in with: berth login SERVER; or check the name of the image"),
        _ if message.contains("registry") || message.contains("connection refused") => {
            new(Code::Registry).hint("check that the registry answers and try again")
        }
        _ => new(Code::Engine),
    }
}

impl From<bollard::errors::Error> for Error {
    fn from(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as B;
        match error {
            B::DockerResponseServerError { status_code, message } => Self::Engine { status: status_code, message },
            // A stream that began with 200 ends with its error as a line: the engine's sentence without a status.
            B::DockerStreamError { error } => Self::Engine { status: 500, message: error },
            B::SocketNotFoundError(socket) => {
                Self::Unreachable { socket: socket.into(), source: std::io::Error::from(std::io::ErrorKind::NotFound) }
            }
            B::IOError { err } => Self::Broken(err.to_string()),
            B::RequestTimeoutError => Self::Timeout("the engine did not answer in time".into()),
            other => Self::Broken(chain(&other)),
        }
    }
}

/// An error with all its causes: hyper's own text alone ("client error (Connect)") helps nobody.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_apart_and_says_what_to_do() {
        let error = Error::Engine {
            status: 500,
            message: "driver failed programming external connectivity: Bind for 127.0.0.1:8080 failed: port is already allocated".into(),
        };
        assert_eq!(error.problem().code, Code::PortInUse);
        assert!(error.problem().hint.unwrap().contains("-p"));
    }

    #[test]
    fn nobody_listening_means_the_machine_is_stopped() {
        let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let problem = Error::Unreachable { socket: "/x".into(), source }.problem();
        assert_eq!(problem, Problem::machine_stopped());
    }

    #[test]
    fn what_a_network_forbids_is_no_matter_of_a_login() {
        let said = |status, message: &str| Error::Engine { status, message: message.into() }.problem();
        let active =
            said(403, "error while removing network: network shop has active endpoints (name:\"web\" id:\"5b\")");
        assert!(active.code == Code::Conflict && active.hint.unwrap().contains("berth network disconnect"));
        let overlap = said(403, "invalid pool request: Pool overlaps with other one on this address space");
        assert_eq!((overlap.code, overlap.hint), (Code::Conflict, None));
        assert!(said(401, "unauthorized: incorrect username or password").hint.unwrap().contains("berth login"));
    }
}
