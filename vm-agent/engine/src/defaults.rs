//! What the user set for every container. Docker's two moments: some settings become part of a container when it is
//! made, others hold whenever it starts.

use crate::{
    Error, Result,
    container::{ContainerConfig, Definition, HostConfig, Ulimit},
    log, spec,
};
use berth_protocol::settings::EngineSettings;
use std::sync::Arc;

const NO_NEW_PRIVILEGES: &str = "no-new-privileges";
const SECCOMP: &str = "seccomp";
const BUILTIN: &str = "builtin";

/// The settings, and whether they make sense.
#[derive(Debug)]
pub(crate) struct Defaults {
    settings: EngineSettings,
    problem: Option<String>,
}

impl Defaults {
    pub(crate) fn new(settings: EngineSettings, cpus: usize) -> Self {
        let mut defaults = Self { settings, problem: None };
        let mut host = HostConfig::default();
        host.log_config.driver.clear();
        defaults.enter(&mut host);
        defaults.complete(&mut host);
        let checked =
            spec::check(&ContainerConfig::default(), &host, cpus).and_then(|()| log::rotation(&host.log_config));
        defaults.problem = checked.err().map(|why| {
            format!("the settings in daemon.json make no sense: {why}; mend the file, then run: berth down, berth up")
        });
        defaults
    }

    /// Why no container can be made, in one sentence.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The log driver of a container that asks for none.
    pub(crate) fn log_driver(&self) -> &str {
        if self.settings.log_driver.is_empty() { log::DEFAULT } else { &self.settings.log_driver }
    }

    /// Docker's word for the seccomp profile of a container that asks for none.
    pub(crate) fn seccomp_profile(&self) -> &str {
        match self.settings.seccomp_profile.as_str() {
            "" => BUILTIN,
            name @ (BUILTIN | "unconfined") => name,
            _ => "custom",
        }
    }

    /// Whether processes gain no privileges unless a container asks for it.
    pub(crate) fn no_new_privileges(&self) -> bool {
        self.settings.no_new_privileges
    }

    /// Whether a container has users of its own unless it asks for the machine's.
    pub(crate) fn userns_remap(&self) -> bool {
        !self.settings.userns_remap.is_empty()
    }

    /// What becomes part of a container when it is made.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub(crate) fn settle(&self, host: &mut HostConfig) -> Result<()> {
        if let Some(problem) = self.problem() {
            return Err(Error::InvalidParameter(problem.to_owned()));
        }
        self.enter(host);
        Ok(())
    }

    fn enter(&self, host: &mut HostConfig) {
        let settings = &self.settings;
        for (mode, default) in [
            (&mut host.cgroupns_mode, &settings.default_cgroupns_mode),
            (&mut host.ipc_mode, &settings.default_ipc_mode),
        ] {
            if mode.is_empty() {
                mode.clone_from(default);
            }
        }
        if host.shm_size == 0 {
            host.shm_size = settings.default_shm_size.unwrap_or(0);
        }
        let log = &mut host.log_config;
        if log.driver.is_empty() {
            self.log_driver().clone_into(&mut log.driver);
        }
        if log.driver == self.log_driver() {
            for (key, value) in &settings.log_opts {
                log.options.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// A container as it starts: with what holds for every one that does not say otherwise.
    pub(crate) fn hold_for(&self, mut definition: Arc<Definition>) -> Arc<Definition> {
        if self.settings != EngineSettings::default() {
            self.complete(&mut Arc::make_mut(&mut definition).host);
        }
        definition
    }

    fn complete(&self, host: &mut HostConfig) {
        let settings = &self.settings;
        for (name, limit) in &settings.default_ulimits {
            if host.ulimits.iter().all(|own| own.name != *name) {
                host.ulimits.push(Ulimit { name: name.clone(), soft: limit.soft, hard: limit.hard });
            }
        }
        host.init = host.init.or(settings.init.then_some(true));
        let says = |host: &HostConfig, what: &str| {
            host.security_opt.iter().any(|option| option.split(['=', ':']).next() == Some(what))
        };
        if settings.no_new_privileges && !says(host, NO_NEW_PRIVILEGES) {
            host.security_opt.push(NO_NEW_PRIVILEGES.to_owned());
        }
        if !settings.seccomp_profile.is_empty() && !host.privileged && !says(host, SECCOMP) {
            host.security_opt.push(format!("{SECCOMP}={}", settings.seccomp_profile));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> EngineSettings {
        serde_json::from_str(json).unwrap()
    }

    fn asked() -> HostConfig {
        let mut host = HostConfig::default();
        host.log_config.driver.clear();
        host
    }

    #[test]
    fn what_a_container_asks_for_wins_over_the_settings() {
        let defaults = Defaults::new(
            settings(
                r#"{"default-ipc-mode": "shareable", "default-shm-size": "1m", "log-driver": "local", "init": true,
                    "log-opts": {"max-size": "1m"}, "default-ulimits": {"nofile": {"Soft": 10, "Hard": 20}},
                    "no-new-privileges": true, "seccomp-profile": "unconfined"}"#,
            ),
            1,
        );
        assert_eq!(defaults.problem(), None);
        let mut host = asked();
        defaults.settle(&mut host).unwrap();
        assert_eq!(
            (host.ipc_mode.as_str(), host.shm_size, host.log_config.driver.as_str()),
            ("shareable", 1 << 20, "local")
        );
        assert_eq!(host.log_config.options["max-size"], "1m");
        defaults.complete(&mut host);
        assert_eq!((host.ulimits[0].hard, host.init), (20, Some(true)));
        assert_eq!(host.security_opt, ["no-new-privileges", "seccomp=unconfined"]);

        let mut own = asked();
        own.ipc_mode = "private".into();
        own.shm_size = 5;
        own.log_config.driver = "json-file".into();
        own.ulimits = vec![Ulimit { name: "nofile".into(), soft: 1, hard: 1 }];
        own.init = Some(false);
        own.security_opt = vec!["no-new-privileges=false".into(), "seccomp=builtin".into()];
        let before = own.clone();
        defaults.settle(&mut own).unwrap();
        defaults.complete(&mut own);
        assert_eq!(own, before);
    }

    #[test]
    fn settings_that_make_no_sense_let_no_container_be_made() {
        for (json, why) in [
            (r#"{"log-driver": "syslog"}"#, "logger: no log driver named 'syslog' is registered"),
            (r#"{"log-opts": {"what": "1"}}"#, "unknown log opt 'what' for json-file log driver"),
            (r#"{"default-ulimits": {"what": {"Soft": 1, "Hard": 1}}}"#, "what"),
            (r#"{"seccomp-profile": "{"}"#, "decoding seccomp profile failed"),
        ] {
            let refused = Defaults::new(settings(json), 1).settle(&mut asked()).unwrap_err().to_string();
            assert!(
                refused.starts_with("the settings in daemon.json make no sense: ") && refused.contains(why),
                "{refused}"
            );
        }
    }

    #[test]
    fn without_settings_a_container_has_dockers_defaults() {
        let defaults = Defaults::new(EngineSettings::default(), 1);
        let mut host = asked();
        defaults.settle(&mut host).unwrap();
        assert_eq!(host, HostConfig::default());
        assert_eq!((defaults.log_driver(), defaults.seccomp_profile()), ("json-file", "builtin"));
    }
}
