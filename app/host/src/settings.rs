//! `settings.json`: what the user may change about the machine.

use crate::daemon::DaemonError;
use berth_api::BerthHome;
use serde::Deserialize;

/// The size of the data disk as the guest sees it; the file is sparse, so this is a limit and not a cost.
const DISK_BYTES: u64 = 64 << 30;
const MEMORY_MIB: u32 = 2048;
const MAX_DEFAULT_CPUS: usize = 8;

/// Size of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Virtual processors.
    pub cpus: u32,
    /// Memory, MiB.
    pub memory_mib: u32,
    /// Size of the data disk, bytes. It only ever grows.
    pub disk_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get().min(MAX_DEFAULT_CPUS));
        Self { cpus: u32::try_from(cpus).unwrap_or(1), memory_mib: MEMORY_MIB, disk_bytes: DISK_BYTES }
    }
}

impl Settings {
    /// The settings of `home`, or the defaults.
    ///
    /// # Errors
    /// [`DaemonError::Settings`] when the file is malformed: guessing could shrink someone's machine.
    pub fn load(home: &BerthHome) -> Result<Self, DaemonError> {
        let path = home.root().join("settings.json");
        let wrong = |why: String| DaemonError::Settings { path: path.clone(), why };
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_have_defaults_and_unknown_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = BerthHome::at(folder.path());
        assert_eq!(Settings::load(&home).unwrap(), Settings::default());
        std::fs::write(folder.path().join("settings.json"), r#"{"memory_mib": 512}"#).unwrap();
        assert_eq!(Settings::load(&home).unwrap().memory_mib, 512);
        std::fs::write(folder.path().join("settings.json"), r#"{"memory": 512}"#).unwrap();
        assert!(Settings::load(&home).unwrap_err().to_string().contains("memory"));
    }
}
