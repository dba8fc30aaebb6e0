//! Docker's credential helpers: programs named `docker-credential-NAME`, spoken to over their standard streams
//! (docker/docker-credential-helpers, "Development"). No secret is ever an argument.

use super::{Login, hostname};
use crate::error::Error;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::process::Stdio;
use tokio::{io::AsyncWriteExt, process::Command};

/// How helpers say that they have nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The helper of a registry.
pub(super) struct Helper {
    program: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Helper {
    /// The one that `credHelpers` names for a registry, else that of `credsStore`; `None` when there is neither.
    pub(super) fn of(config: &Map<String, Value>, server: &str) -> Result<Option<Self>, Error> {
        let own = config.get("credHelpers").and_then(Value::as_object).and_then(|helpers| {
            helpers
                .get(server)
                .or_else(|| helpers.iter().find(|(name, _)| hostname(name) == server).map(|(_, name)| name))
        });
        let name = own.or(config.get("credsStore")).and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() {
            return Ok(None);
        }
        if name.contains(['/', '\\']) {
            return Err(Error::Invalid(format!("the credential helper {name:?} is no name of a program")));
        }
        Ok(Some(Self { program: format!("docker-credential-{name}") }))
    }

    /// A helper that is not on the search path.
    #[cfg(test)]
    pub(super) fn at(program: String) -> Self {
        Self { program }
    }

    #[cfg(test)]
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    pub(super) async fn get(&self, server: &str) -> Result<Option<Login>, Error> {
        let said = match self.run("get", server.as_bytes()).await? {
            Ok(said) => said,
            Err(why) if why == NOT_FOUND => return Ok(None),
            Err(why) => return Err(Error::Invalid(format!("error getting credentials - err: {why}"))),
        };
        // What it says is not repeated: it is the secret.
        let answer: Answer = serde_json::from_slice(&said)
            .map_err(|_| Error::Invalid(format!("{} answered with no JSON", self.program)))?;
        Ok(Some(Login::of_secret(server, answer.username, answer.secret)))
    }

    pub(super) async fn store(&self, login: &Login) -> Result<(), Error> {
        let (username, secret) = login.secret();
        let document = json!({ "ServerURL": login.server, "Username": username, "Secret": secret }).to_string();
        let stored = self.run("store", document.as_bytes()).await?;
        stored.map(drop).map_err(|why| Error::Invalid(format!("error storing credentials - err: {why}")))
    }

    pub(super) async fn erase(&self, server: &str) -> Result<(), Error> {
        match self.run("erase", server.as_bytes()).await? {
            Err(why) if why != NOT_FOUND => Err(Error::Invalid(format!("error erasing credentials - err: {why}"))),
            _ => Ok(()),
        }
    }

    /// What it says, or why it failed in its own words.
    async fn run(&self, verb: &str, input: &[u8]) -> Result<Result<Vec<u8>, String>, Error> {
        let failed = || Error::io(format!("run the credential helper {}", self.program));
        let mut child = Command::new(&self.program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It may ask for a password there.
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed())?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that reads no more tells why by its end.
            stdin.write_all(input).await.ok();
        }
        let ended = child.wait_with_output().await.map_err(failed())?;
        if ended.status.success() {
            return Ok(Ok(ended.stdout));
        }
        let said = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        Ok(Err(if said.is_empty() { format!("{} ended with {}", self.program, ended.status) } else { said }))
    }
}
