//! berthd's log: `logs/berthd.log`, started afresh when it has grown large.

use crate::daemon::DaemonError;
use berth_api::BerthHome;
use std::{fs::OpenOptions, sync::Mutex};
use tracing_subscriber::EnvFilter;

/// Past this size the log of the runs before is moved aside at a start, bytes.
const MAX_BYTES: u64 = 8 << 20;
/// The variable with another filter, in the syntax of `tracing-subscriber`.
const FILTER_VARIABLE: &str = "BERTH_LOG";
const DEFAULT_FILTER: &str = "info,berth_host=debug,berth_machine=debug,berth_machine_qemu=debug";

/// Sends everything traced in this process to the log of `home`.
///
/// # Errors
/// When the file cannot be opened.
pub fn start(home: &BerthHome) -> Result<(), DaemonError> {
    let path = home.daemon_log();
    let folder = path.parent().unwrap_or(home.root());
    std::fs::create_dir_all(folder).map_err(DaemonError::io(format!("create {}", folder.display())))?;
    if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
        let old = path.with_extension("log.old");
        std::fs::rename(&path, &old).map_err(DaemonError::io(format!("move {}", path.display())))?;
    }
    let open = OpenOptions::new().create(true).append(true).open(&path);
    let file = open.map_err(DaemonError::io(format!("open {}", path.display())))?;
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(Mutex::new(file)).finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        // A second daemon in one process, as in tests: the first one's log has it all.
        tracing::debug!("a log is already set");
    }
    Ok(())
}
