//! How many files the process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many descriptors as the inherited hard limit allows. Going beyond it would need a capability that may be
/// missing.
pub(crate) fn raise() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!("the limit of open files stays as it was: {error}");
    }
}
