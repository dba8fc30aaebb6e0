//! The program `berthd`. It takes no arguments: `BERTH_HOME` and `BERTH_SHARE` say where things are.

use berth_api::{BerthHome, Share, daemon::ALREADY_RUNNING_EXIT_CODE};
use berth_host::{
    daemon::{self, DaemonError},
    instance::Instance,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started berthd reads this from the end of its log.
            eprintln!("berthd: {error:#}");
            match error.downcast_ref::<DaemonError>() {
                Some(DaemonError::AlreadyRunning { .. }) => {
                    ExitCode::from(u8::try_from(ALREADY_RUNNING_EXIT_CODE).unwrap_or(1))
                }
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn start() -> anyhow::Result<()> {
    let home = BerthHome::from_env()?;
    let share = Share::locate()?;
    // Held to the very end: who waits for it knows that nothing of this berthd is left.
    let instance = Instance::acquire(&home)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(daemon::run(home, share, daemon::platform_driver()))?;
    // A blocking read (the console, a file hash) must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    drop(instance);
    Ok(())
}
