//! `--health-*` and `--no-healthcheck`.

use crate::error::Error;
use bollard::models::HealthConfig;
use serde::{Deserialize, Serialize};

/// How a container is asked whether it is well. What is 0 or empty is left to the image and the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthSpec {
    /// For the container's shell.
    pub command: String,
    /// Nanoseconds between two questions.
    pub interval: i64,
    /// Nanoseconds that an answer may take.
    pub timeout: i64,
    /// Failures until it is unhealthy.
    pub retries: i64,
    /// Nanoseconds in which failures do not count.
    pub start_period: i64,
    /// Nanoseconds between two questions in that time.
    pub start_interval: i64,
    /// It is not asked at all.
    pub disabled: bool,
}

/// What the options say together; `None` when they say nothing.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn check(asked: HealthSpec) -> Result<Option<HealthSpec>, Error> {
    if asked == HealthSpec::default() {
        return Ok(None);
    }
    if asked.disabled && asked != (HealthSpec { disabled: true, ..HealthSpec::default() }) {
        return Err(Error::Invalid("--no-healthcheck conflicts with --health-* options".into()));
    }
    let numbers = [
        ("interval", asked.interval),
        ("timeout", asked.timeout),
        ("retries", asked.retries),
        ("start-period", asked.start_period),
        ("start-interval", asked.start_interval),
    ];
    match numbers.iter().find(|(_, number)| *number < 0) {
        Some((option, _)) => Err(Error::Invalid(format!("--health-{option} cannot be negative"))),
        None => Ok(Some(asked)),
    }
}

impl HealthSpec {
    pub(super) fn body(&self) -> HealthConfig {
        let test = match (self.disabled, self.command.as_str()) {
            (true, _) => Some(vec!["NONE".to_owned()]),
            (false, "") => None,
            (false, command) => Some(vec!["CMD-SHELL".to_owned(), command.to_owned()]),
        };
        let set = |number: i64| Some(number).filter(|number| *number != 0);
        HealthConfig {
            test,
            interval: set(self.interval),
            timeout: set(self.timeout),
            retries: set(self.retries),
            start_period: set(self.start_period),
            start_interval: set(self.start_interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_contradict_each_other_are_refused_in_dockers_words() {
        assert_eq!(check(HealthSpec::default()).unwrap(), None);
        let off = HealthSpec { disabled: true, ..HealthSpec::default() };
        assert_eq!(check(off.clone()).unwrap().unwrap().body().test.unwrap(), ["NONE"]);
        let both = check(HealthSpec { command: "true".into(), ..off }).unwrap_err();
        assert_eq!(both.to_string(), "--no-healthcheck conflicts with --health-* options");
        let negative = check(HealthSpec { start_period: -1, ..HealthSpec::default() }).unwrap_err();
        assert_eq!(negative.to_string(), "--health-start-period cannot be negative");
    }

    #[test]
    fn only_what_is_said_is_asked_for() {
        let body = HealthSpec { command: "true".into(), retries: 2, ..HealthSpec::default() }.body();
        assert_eq!(body.test.unwrap(), ["CMD-SHELL", "true"]);
        assert_eq!((body.interval, body.retries), (None, Some(2)));
    }
}
