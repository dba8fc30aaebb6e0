//! Waits for the kernel modules that networks and overlays need: PID 1 loads them while the engine starts.

use crate::{EngineConfig, Error, Result};
use std::time::Duration;
use tokio::time::Instant;

/// Loading takes a second or two on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Resolves when the modules are there.
///
/// # Errors
/// The reason PID 1 gives when it could not load them; a deadline.
pub(crate) async fn ready(config: &EngineConfig) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if tokio::fs::try_exists(&config.modules_loaded).await.unwrap_or(false) {
            return Ok(());
        }
        if let Ok(why) = tokio::fs::read_to_string(&config.modules_failed).await {
            return Err(Error::Unavailable(format!(
                "the machine could not load its kernel modules: {}; restart it with: berth down, berth up",
                why.trim()
            )));
        }
        if Instant::now() >= deadline {
            return Err(Error::Unavailable(format!(
                "the machine's kernel modules were not loaded within {} seconds; restart it with: berth down, berth up",
                DEADLINE.as_secs()
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::config_in;

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_and_a_failure_is_told_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_in(dir.path());
        tokio::fs::remove_file(&config.modules_loaded).await.unwrap();
        let (waited, ()) = tokio::join!(ready(&config), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            tokio::fs::write(&config.modules_loaded, "").await.unwrap();
        });
        waited.unwrap();
        tokio::fs::remove_file(&config.modules_loaded).await.unwrap();
        assert!(ready(&config).await.unwrap_err().to_string().contains("within 60 seconds"));
        tokio::fs::write(&config.modules_failed, "bridge.ko: no such file\n").await.unwrap();
        let said = ready(&config).await.unwrap_err().to_string();
        assert!(said.contains("modules: bridge.ko: no such file; restart it"), "{said}");
    }
}
