//! What the process does before anything else: it takes its boot configuration.

use anyhow::Context;
use berth_protocol::boot::BootConfig;
use nix::unistd::dup2_stdin;
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
