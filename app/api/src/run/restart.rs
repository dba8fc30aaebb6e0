//! `--restart`.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// When the engine starts a container again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case", tag = "policy")]
pub enum RestartSpec {
    /// Never.
    #[default]
    No,
    /// Whenever it ends.
    Always,
    /// Whenever it ends, except after the user stopped it.
    UnlessStopped,
    /// When it ends with another code than 0.
    OnFailure {
        /// At most so often; 0 for no limit.
        retries: u32,
    },
}

/// Parses `no`, `always`, `unless-stopped`, `on-failure[:retries]`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn parse(text: &str) -> Result<RestartSpec, Error> {
    match text.split_once(':') {
        None => match text {
            "" | "no" => Ok(RestartSpec::No),
            "always" => Ok(RestartSpec::Always),
            "unless-stopped" => Ok(RestartSpec::UnlessStopped),
            "on-failure" => Ok(RestartSpec::OnFailure { retries: 0 }),
            _ => Err(Error::Invalid(format!(
                "invalid restart policy: unknown policy '{text}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            ))),
        },
        Some(("on-failure", count)) => match count.parse() {
            Ok(retries) => Ok(RestartSpec::OnFailure { retries }),
            Err(_) => {
                Err(Error::Invalid("invalid restart policy format: maximum retry count must be an integer".into()))
            }
        },
        Some(_) => {
            Err(Error::Invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_read_and_nonsense_refused() {
        assert_eq!(parse("always").unwrap(), RestartSpec::Always);
        assert_eq!(parse("on-failure:3").unwrap(), RestartSpec::OnFailure { retries: 3 });
        for text in ["sometimes", "always:3", "on-failure:x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
