//! What a person types into a form, in the syntax of docker's options; empty is not given.

use super::{RunRequest, endpoint, environment, limits::Limits, publish, quantity, restart, volume};
use crate::{container::Update, error::Error};
use serde::{Deserialize, Serialize};

/// A container to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct RunForm {
    /// Reference of the image.
    pub image: String,
    /// Its name.
    pub name: String,
    /// `-p`, each.
    pub publish: Vec<String>,
    /// `-e`, each; `KEY=value`.
    pub env: Vec<String>,
    /// `-v`, each.
    pub volumes: Vec<String>,
    /// Arguments after the image.
    pub command: Vec<String>,
    /// `-u`.
    pub user: String,
    /// `--restart`.
    pub restart: String,
    /// `--network`.
    pub network: String,
    /// How much it may take.
    pub limits: LimitsForm,
}

/// How much a container may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct LimitsForm {
    /// `-m`, such as `512m`.
    pub memory: String,
    /// `--cpus`, such as `1.5`.
    pub cpus: String,
    /// `--pids-limit`.
    pub processes: String,
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn several<T>(texts: &[String], parse: impl Fn(&str) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    texts.iter().filter_map(|text| given(text)).map(parse).collect()
}

impl RunForm {
    /// The request that the options make.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the first that makes no sense, in docker's words.
    pub fn request(&self) -> Result<RunRequest, Error> {
        let image = given(&self.image).ok_or_else(|| Error::Invalid("an image is needed".into()))?;
        // A window has no environment that a name alone could mean.
        let env = several(&self.env, |text| environment::variable(text, |_| None))?;
        Ok(RunRequest {
            image: image.into(),
            name: given(&self.name).map(Into::into),
            publish: several(&self.publish, publish::parse)?.into_iter().flatten().collect(),
            env: env.into_iter().flatten().collect(),
            volumes: several(&self.volumes, volume::parse)?,
            command: self.command.clone(),
            user: given(&self.user).map(Into::into),
            restart: restart::parse(self.restart.trim())?,
            networks: given(&self.network).map(endpoint::attachment).transpose()?.into_iter().collect(),
            limits: self.limits.limits()?,
            ..RunRequest::default()
        })
    }
}

impl LimitsForm {
    fn limits(&self) -> Result<Limits, Error> {
        let number = |text: &str| text.parse().map_err(|_| Error::Invalid(format!("invalid number: '{text}'")));
        Ok(Limits {
            memory: given(&self.memory).map(quantity::bytes).transpose()?,
            nano_cpus: given(&self.cpus).map(quantity::nano_cpus).transpose()?,
            pids_limit: given(&self.processes).map(number).transpose()?,
            ..Limits::default()
        })
    }

    /// The change of a container that is there. Memory and swap are twice the memory, as at the start.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the first that makes no sense, in docker's words.
    pub fn update(&self, policy: &str) -> Result<Update, Error> {
        let limits = self.limits()?;
        let memory_swap = limits.memory.map(|memory| memory.saturating_mul(2));
        let restart = given(policy).map(restart::parse).transpose()?;
        Ok(Update { limits: Limits { memory_swap, ..limits }, restart })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RestartSpec;

    #[test]
    fn options_are_read_as_the_command_line_reads_them() {
        let form = RunForm {
            image: " nginx ".into(),
            publish: vec!["8080:80".into(), String::new()],
            env: vec!["A=1".into()],
            volumes: vec!["data:/data".into()],
            restart: "on-failure:3".into(),
            network: "shop".into(),
            limits: LimitsForm { memory: "64m".into(), cpus: "1.5".into(), processes: String::new() },
            ..RunForm::default()
        };
        let request = form.request().unwrap();
        assert_eq!((request.image.as_str(), request.name, request.publish.len()), ("nginx", None, 1));
        assert_eq!(request.restart, RestartSpec::OnFailure { retries: 3 });
        assert_eq!((request.limits.memory, request.limits.nano_cpus), (Some(64 << 20), Some(1_500_000_000)));
        assert_eq!(request.networks[0].network, "shop");
    }

    #[test]
    fn what_makes_no_sense_is_said_in_dockers_words() {
        let with = |publish: &str, memory: &str| RunForm {
            image: "x".into(),
            publish: vec![publish.into()],
            limits: LimitsForm { memory: memory.into(), ..LimitsForm::default() },
            ..RunForm::default()
        };
        assert_eq!(with("x:80", "").request().unwrap_err().to_string(), "invalid hostPort: x");
        assert_eq!(with("", "much").request().unwrap_err().to_string(), "invalid size: 'much'");
        assert!(RunForm::default().request().is_err());
    }

    #[test]
    fn an_update_leaves_alone_what_is_empty() {
        let update = LimitsForm { memory: "1g".into(), ..LimitsForm::default() }.update("").unwrap();
        assert_eq!((update.limits.memory, update.limits.memory_swap), (Some(1 << 30), Some(2 << 30)));
        assert_eq!((update.limits.nano_cpus, update.restart), (None, None));
    }
}
