//! A request and an image's configuration become what a container is.

use super::{ContainerConfig, Healthcheck};
use crate::{ContainerPort, Error, Result};
use berth_image::ContainerDefaults;
use std::time::Duration;

/// Fills what the request leaves open from the image, by docker's rules (moby `daemon/commit.go`, `merge`), and says
/// what runs.
pub(crate) fn fill(mut config: ContainerConfig, image: &ContainerDefaults) -> Result<(ContainerConfig, Vec<String>)> {
    let entrypoint_given = config.entrypoint.is_some();
    if config.entrypoint.as_ref().is_none_or(Vec::is_empty) {
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            config.cmd.clone_from(&image.cmd);
        }
        if !entrypoint_given {
            config.entrypoint.clone_from(&image.entrypoint);
        }
    }
    // An empty word is how clients write "none".
    config.entrypoint = config.entrypoint.filter(|words| !words.is_empty() && words.as_slice() != [""]);
    let own = |entry: &str| entry.split('=').next().unwrap_or(entry).to_owned();
    for entry in &image.env {
        if !config.env.iter().any(|have| own(have) == own(entry)) {
            config.env.push(entry.clone());
        }
    }
    for (key, value) in &image.labels {
        config.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    config.exposed_ports.extend(ports(image));
    config.volumes.extend(image.volumes.iter().cloned());
    if config.user.is_empty() {
        config.user.clone_from(&image.user);
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&image.working_dir);
    }
    if config.stop_signal.is_none() {
        config.stop_signal.clone_from(&image.stop_signal);
    }
    let inherited = image.healthcheck.as_ref().map(Healthcheck::from);
    config.healthcheck = match (config.healthcheck.take(), inherited) {
        (Some(own), Some(image)) => Some(Healthcheck {
            test: if own.test.is_empty() { image.test } else { own.test },
            interval: own.interval.or(image.interval),
            timeout: own.timeout.or(image.timeout),
            start_period: own.start_period.or(image.start_period),
            start_interval: own.start_interval.or(image.start_interval),
            retries: own.retries.or(image.retries),
        }),
        (own, image) => own.or(image),
    };
    let argv: Vec<String> = config.entrypoint.iter().flatten().chain(config.cmd.iter().flatten()).cloned().collect();
    if argv.is_empty() {
        return Err(Error::InvalidParameter("no command specified".to_owned()));
    }
    if argv.iter().any(|word| word.contains('\0')) {
        return Err(Error::InvalidParameter("a word of the command holds a zero byte".to_owned()));
    }
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        let dir = &config.working_dir;
        return Err(Error::InvalidParameter(format!(
            "the working directory '{dir}' is invalid, it needs to be an absolute path"
        )));
    }
    Ok((config, argv))
}

/// The ports an image says it listens on; a word that is no port is left out.
pub(crate) fn ports(image: &ContainerDefaults) -> impl Iterator<Item = ContainerPort> {
    image.exposed_ports.iter().filter_map(|port| port.parse().ok())
}

impl From<&berth_image::Healthcheck> for Healthcheck {
    fn from(image: &berth_image::Healthcheck) -> Self {
        let duration = |nanos: i64| u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos);
        Self {
            test: image.test.clone(),
            interval: duration(image.interval),
            timeout: duration(image.timeout),
            start_period: duration(image.start_period),
            start_interval: duration(image.start_interval),
            retries: u32::try_from(image.retries).ok().filter(|retries| *retries > 0),
        }
    }
}

impl From<&Healthcheck> for berth_image::Healthcheck {
    fn from(config: &Healthcheck) -> Self {
        let nanos = |time: Option<Duration>| time.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        Self {
            test: config.test.clone(),
            interval: nanos(config.interval),
            timeout: nanos(config.timeout),
            start_period: nanos(config.start_period),
            start_interval: nanos(config.start_interval),
            retries: config.retries.map_or(0, i64::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    fn runs(entrypoint: Option<Vec<String>>, cmd: Option<Vec<String>>) -> Result<Vec<String>> {
        let image = ContainerDefaults { entrypoint: words(&["/entry"]), cmd: words(&["serve"]), ..Default::default() };
        fill(ContainerConfig { entrypoint, cmd, ..Default::default() }, &image).map(|(_, argv)| argv)
    }

    #[test]
    fn what_runs_is_what_docker_would_run() {
        assert_eq!(runs(None, None).unwrap(), ["/entry", "serve"]);
        assert_eq!(runs(None, words(&["check"])).unwrap(), ["/entry", "check"]);
        assert_eq!(runs(words(&["/bin/sh"]), None).unwrap(), ["/bin/sh"]);
        assert_eq!(runs(words(&[]), None).unwrap(), ["serve"]);
        assert_eq!(runs(words(&[""]), words(&["ls"])).unwrap(), ["ls"]);
        assert_eq!(runs(words(&[""]), None).unwrap_err().to_string(), "no command specified");
    }

    #[test]
    fn a_health_check_is_the_images_where_the_request_says_nothing() {
        let health = berth_image::Healthcheck {
            test: vec!["CMD".into(), "true".into()],
            interval: 5_000_000_000,
            retries: 2,
            ..Default::default()
        };
        let image = ContainerDefaults { cmd: words(&["x"]), healthcheck: Some(health), ..Default::default() };
        let filled = |own: Option<Healthcheck>| {
            fill(ContainerConfig { healthcheck: own, ..Default::default() }, &image).unwrap().0.healthcheck.unwrap()
        };
        assert_eq!((filled(None).test.len(), filled(None).retries), (2, Some(2)));
        let own = filled(Some(Healthcheck { interval: Some(Duration::from_secs(1)), ..Default::default() }));
        assert_eq!((own.test.len(), own.interval, own.retries), (2, Some(Duration::from_secs(1)), Some(2)));
        let none = filled(Some(Healthcheck { test: vec!["NONE".into()], ..Default::default() }));
        assert_eq!(none.test, ["NONE"]);
    }

    #[test]
    fn the_request_wins_over_the_image() {
        let image = ContainerDefaults {
            env: vec!["PATH=/usr/bin".into(), "A=image".into()],
            labels: [("a", "image"), ("b", "image")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            exposed_ports: ["80/tcp".to_owned(), "nonsense".to_owned()].into(),
            user: "www".into(),
            cmd: words(&["x"]),
            ..Default::default()
        };
        let request = ContainerConfig {
            env: vec!["A=mine".into()],
            labels: [("a".to_owned(), "mine".to_owned())].into(),
            ..Default::default()
        };
        let (config, _) = fill(request, &image).unwrap();
        assert_eq!(config.env, ["A=mine", "PATH=/usr/bin"]);
        assert_eq!((config.labels["a"].as_str(), config.labels["b"].as_str()), ("mine", "image"));
        assert_eq!(config.user, "www");
        assert_eq!(config.exposed_ports.len(), 1);
    }
}
