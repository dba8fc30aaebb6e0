//! The half of a request that travels with the container.

use crate::error::{ApiError, Reply};
use berth_engine::{
    ContainerPort,
    container::{ContainerConfig, Healthcheck},
};
use serde::{Deserialize, de::IgnoredAny};
use std::{collections::BTreeMap, time::Duration};

/// Docker's `Config`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in crate::containers) struct ConfigIn {
    hostname: Option<String>,
    domainname: Option<String>,
    user: Option<String>,
    attach_stdin: Option<bool>,
    attach_stdout: Option<bool>,
    attach_stderr: Option<bool>,
    exposed_ports: Option<BTreeMap<String, IgnoredAny>>,
    tty: Option<bool>,
    open_stdin: Option<bool>,
    stdin_once: Option<bool>,
    env: Option<Vec<String>>,
    cmd: Option<Words>,
    entrypoint: Option<Words>,
    healthcheck: Option<HealthcheckIn>,
    image: Option<String>,
    volumes: Option<BTreeMap<String, IgnoredAny>>,
    working_dir: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    stop_signal: Option<String>,
    stop_timeout: Option<i64>,
}

/// A list of words, or the one word that old clients write.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of strings, or a string")]
pub(crate) enum Words {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        match words {
            Words::One(word) => vec![word],
            Words::Many(words) => words,
        }
    }
}

/// Durations are nanoseconds; 0 takes the image's.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HealthcheckIn {
    test: Option<Vec<String>>,
    interval: Option<i64>,
    timeout: Option<i64>,
    start_period: Option<i64>,
    start_interval: Option<i64>,
    retries: Option<i64>,
}

/// As the engine takes it.
///
/// # Errors
/// A port or a health check that makes no sense.
pub(in crate::containers) fn read(asked: ConfigIn) -> Reply<ContainerConfig> {
    let ports = asked.exposed_ports.unwrap_or_default().into_keys().map(|text| port(&text)).collect::<Reply<_>>()?;
    Ok(ContainerConfig {
        image: asked.image.unwrap_or_default(),
        // Docker takes an empty list for none here, but not for the entrypoint.
        cmd: asked.cmd.map(Vec::from).filter(|words| !words.is_empty()),
        entrypoint: asked.entrypoint.map(Vec::from),
        env: asked.env.unwrap_or_default(),
        user: asked.user.unwrap_or_default(),
        working_dir: asked.working_dir.unwrap_or_default(),
        labels: asked
            .labels
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect(),
        hostname: asked.hostname.unwrap_or_default(),
        domainname: asked.domainname.unwrap_or_default(),
        tty: asked.tty.unwrap_or_default(),
        open_stdin: asked.open_stdin.unwrap_or_default(),
        stdin_once: asked.stdin_once.unwrap_or_default(),
        attach_stdin: asked.attach_stdin.unwrap_or_default(),
        attach_stdout: asked.attach_stdout.unwrap_or_default(),
        attach_stderr: asked.attach_stderr.unwrap_or_default(),
        exposed_ports: ports,
        volumes: asked.volumes.unwrap_or_default().into_keys().collect(),
        stop_signal: asked.stop_signal.filter(|signal| !signal.is_empty()),
        stop_timeout: asked.stop_timeout,
        healthcheck: asked.healthcheck.map(healthcheck).transpose()?,
    })
}

/// A port as `80/tcp` or `80`.
pub(super) fn port(text: &str) -> Reply<ContainerPort> {
    text.parse().map_err(|error: berth_engine::PortParseError| ApiError::bad_request(error.to_string()))
}

fn healthcheck(asked: HealthcheckIn) -> Reply<Healthcheck> {
    let retries = asked.retries.unwrap_or(0);
    let retries =
        u32::try_from(retries).map_err(|_| ApiError::bad_request("Retries in Healthcheck cannot be negative"))?;
    Ok(Healthcheck {
        test: asked.test.unwrap_or_default(),
        interval: duration("Interval", asked.interval)?,
        timeout: duration("Timeout", asked.timeout)?,
        start_period: duration("StartPeriod", asked.start_period)?,
        start_interval: duration("StartInterval", asked.start_interval)?,
        retries: (retries > 0).then_some(retries),
    })
}

fn duration(field: &str, nanos: Option<i64>) -> Reply<Option<Duration>> {
    let nanos = nanos.unwrap_or(0);
    match u64::try_from(nanos).ok().map(Duration::from_nanos) {
        Some(Duration::ZERO) => Ok(None),
        Some(duration) if duration >= Duration::from_millis(1) => Ok(Some(duration)),
        _ => Err(ApiError::bad_request(format!("{field} in Healthcheck cannot be less than 1ms"))),
    }
}
