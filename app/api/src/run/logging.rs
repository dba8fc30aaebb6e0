//! `--log-driver` and `--log-opt`.

use crate::error::Error;
use bollard::models::HostConfigLogConfig;
use serde::{Deserialize, Serialize};

/// How output is kept. `Default` is the engine's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSpec {
    /// `json-file`, `local` or `none`.
    pub driver: Option<String>,
    /// Its options.
    pub options: Vec<(String, String)>,
}

/// What the two options say together.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn spec(driver: Option<String>, options: Vec<(String, String)>) -> Result<LogSpec, Error> {
    if driver.as_deref() == Some("none") && !options.is_empty() {
        return Err(Error::Invalid("invalid logging opts for driver none".into()));
    }
    Ok(LogSpec { driver, options })
}

impl LogSpec {
    pub(super) fn body(&self) -> Option<HostConfigLogConfig> {
        (*self != Self::default()).then(|| HostConfigLogConfig {
            typ: self.driver.clone(),
            config: Some(self.options.iter().cloned().collect()),
        })
    }
}
