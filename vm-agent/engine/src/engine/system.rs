//! The machine and the engine as a whole.

use super::{Engine, pending};
use crate::{
    Result,
    system::{SystemInfo, VersionInfo},
};

impl Engine {
    /// Counts and the machine's numbers.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn info(&self) -> Result<SystemInfo> {
        Err(pending(self))
    }

    /// What runs here.
    #[must_use]
    pub fn version(&self) -> VersionInfo {
        VersionInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel_version: String::new(),
            architecture: String::new(),
            os: "linux".to_owned(),
        }
    }
}
