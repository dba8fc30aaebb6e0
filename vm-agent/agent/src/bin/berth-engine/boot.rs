//! What the process does before anything else: it takes its boot configuration and what the system lets it have.

use anyhow::Context;
use berth_protocol::boot::BootConfig;
use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::dup2_stdin,
};
use std::{fs::File, io::Read};

/// A boot configuration is a few kilobytes; certificate authorities of a company may add some hundred.
const MAX_LEN: u64 = 16 << 20;

/// The boot configuration from standard input, which is `/dev/null` afterwards: it carried a secret, and descriptor 0
/// must not become something else.
pub(crate) fn read() -> anyhow::Result<BootConfig> {
    let mut text = Vec::new();
    std::io::stdin().lock().take(MAX_LEN).read_to_end(&mut text).context("standard input could not be read")?;
    dup2_stdin(File::open("/dev/null").context("/dev/null could not be opened")?)?;
    serde_json::from_slice(&text)
        .context("standard input holds no boot configuration: berth-engine is started by PID 1")
}

/// Takes as many descriptors as the inherited hard limit allows. Going beyond it would need a capability that may be
/// missing.
pub(crate) fn raise_file_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!("the limit of open files stays as it was: {error}");
    }
}
