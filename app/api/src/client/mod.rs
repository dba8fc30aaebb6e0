//! The local client: everything goes over the one socket of berthd.

mod archive;
mod archives;
mod containers;
mod files;
#[cfg(test)]
mod fuzz;
mod hearing;
mod http;
mod images;
mod limits;
mod machine;
mod networks;
mod observe;
mod run;
mod shell;
mod streams;
mod told;
mod volumes;

pub use archive::{PathKind, PathStat, PutArchive};
pub use archives::Import;
pub use containers::{Created, Output, Waiting};
pub use files::{Commit, PathChange};
pub(crate) use http::probe_page;
pub use images::{Pruned, Removed};
pub use observe::{EventMessage, EventMessageTypeEnum, EventQuery, Filters};
pub use streams::{AttachOptions, Attached, ExecRequest};

use crate::{
    error::Error,
    home::BerthHome,
    local,
    problem::{Code, Problem},
};

/// A client of one Berth. Cheap to clone; holds no connection.
#[derive(Clone, Debug)]
pub struct Client {
    home: BerthHome,
}

/// Longest wait for the head of an answer, seconds. Stops and waits take as long as the container does, and berthd and
/// the engine have deadlines of their own, so this only bounds a connection that died without a word.
const ANSWER_DEADLINE_SECONDS: u64 = 24 * 60 * 60;

impl Client {
    /// A client of the Berth in `home`; nothing is connected yet.
    #[must_use]
    pub fn new(home: BerthHome) -> Self {
        Self { home }
    }

    /// The Berth it speaks to.
    #[must_use]
    pub fn home(&self) -> &BerthHome {
        &self.home
    }

    /// The Docker Engine API of the guest, for requests that have no method here.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when there is no socket.
    pub fn docker(&self) -> Result<bollard::Docker, Error> {
        let socket = self.home.socket();
        local::check(&socket)?;
        let path = socket.to_str().ok_or_else(|| Error::Home(format!("{} is not valid UTF-8", socket.display())))?;
        Ok(bollard::Docker::connect_with_local(path, ANSWER_DEADLINE_SECONDS, bollard::API_DEFAULT_VERSION)?)
    }

    /// Versions of the engine, as docker's `version` reports them.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn engine_version(&self) -> Result<bollard::models::SystemVersion, Error> {
        Ok(self.docker()?.version().await?)
    }
}

/// A name as a segment of a request path. Names come from people: `?`, `%` and `..` must not become another request.
fn segment(kind: &str, name: &str) -> Result<String, Error> {
    let unsafe_part = name.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if unsafe_part {
        return Err(Problem::new(Code::NotFound, format!("No such {kind}: {name}")).into());
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_another_request() {
        assert_eq!(segment("image", "localhost:5000/a/b:1").unwrap(), "localhost:5000/a/b:1");
        assert_eq!(segment("container", "a?force=1").unwrap(), "a%3Fforce%3D1");
        for name in ["", "..", "../images", "a//b", "a/./b"] {
            assert_eq!(segment("container", name).unwrap_err().problem().code, Code::NotFound, "{name}");
        }
    }
}
