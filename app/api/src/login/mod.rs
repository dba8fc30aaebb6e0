//! Logins at registries, kept where docker keeps them: in a credential helper, in `config.json`, or, where no helper is
//! set up, in the keychain of the system.

mod entry;
mod keychain;
mod program;
mod server;

pub use server::{DOCKER_HUB, hostname, of_image, typed};

use crate::{docker_config::DockerConfig, error::Error};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use program::Helper;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

const AUTHS: &str = "auths";
/// Docker's name for a secret that is an identity token.
const TOKEN: &str = "<token>";

/// Who someone is to a registry. Its `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The registry as docker's files name it: host and port, or [`DOCKER_HUB`].
    pub server: String,
    /// The account.
    pub username: String,
    /// Its password; empty beside an identity token.
    pub password: String,
    /// A token that the registry gave for the password; empty without one.
    pub identity_token: String,
}

/// Where a login was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Where only its owner can get it from.
    Safely,
    /// In this file, as plain text.
    Unencrypted(PathBuf),
}

/// The logins of this user.
#[derive(Clone, Debug)]
pub struct Logins {
    config: DockerConfig,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Login {
    /// The value of `X-Registry-Auth`, which the engine takes.
    pub(crate) fn header(&self) -> String {
        URL_SAFE.encode(self.document().to_string())
    }

    /// Docker's `AuthConfig`.
    pub(crate) fn document(&self) -> Value {
        json!({
            "username": self.username,
            "password": self.password,
            "identitytoken": self.identity_token,
            "serveraddress": self.server,
        })
    }

    /// As helpers and keychains keep it: a name and one secret.
    fn of_secret(server: &str, username: String, secret: String) -> Self {
        let login = Self { server: server.to_owned(), ..Self::default() };
        match username == TOKEN {
            true => Self { identity_token: secret, ..login },
            false => Self { username, password: secret, ..login },
        }
    }

    fn secret(&self) -> (&str, &str) {
        if self.identity_token.is_empty() { (&self.username, &self.password) } else { (TOKEN, &self.identity_token) }
    }
}

impl Logins {
    /// Those of docker's configuration of this user.
    ///
    /// # Errors
    /// [`Error::Home`] when it is nowhere.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self { config: DockerConfig::from_env()? })
    }

    /// Those of the configuration in a folder.
    #[must_use]
    pub fn of(config: DockerConfig) -> Self {
        Self { config }
    }

    /// The login at a registry; `None` when there is none.
    ///
    /// # Errors
    /// When a file, a helper or the keychain fails.
    pub async fn get(&self, server: &str) -> Result<Option<Login>, Error> {
        let config = self.config.read()?;
        if let Some(helper) = Helper::of(&config, server)? {
            return helper.get(server).await;
        }
        let Some((name, entry)) = find(&config, server) else { return Ok(None) };
        let login = entry::read(server, entry).map_err(|why| {
            Error::Invalid(format!("the login of {server} in {} cannot be read: {why}", self.config.file().display()))
        })?;
        match login {
            Some(login) => Ok(Some(login)),
            // Docker's mark that the secret is elsewhere.
            None => keychain::get(name.to_owned(), server).await,
        }
    }

    /// Keeps a login, in place of an earlier one at the same registry.
    ///
    /// # Errors
    /// When it can be kept nowhere.
    pub async fn keep(&self, login: &Login) -> Result<Kept, Error> {
        let server = login.server.as_str();
        let safely = match Helper::of(&self.config.read()?, server)? {
            Some(helper) => {
                helper.store(login).await?;
                true
            }
            None => keychain::store(login).await,
        };
        let entry = if safely { json!({}) } else { entry::write(login) };
        self.config.change(|config| {
            if let Some(auths) = config.entry(AUTHS).or_insert_with(|| json!({})).as_object_mut() {
                auths.insert(server.to_owned(), entry);
            }
        })?;
        Ok(if safely { Kept::Safely } else { Kept::Unencrypted(self.config.file()) })
    }

    /// Forgets a login; one that is not there is fine.
    ///
    /// # Errors
    /// When it cannot be taken away.
    pub async fn forget(&self, server: &str) -> Result<(), Error> {
        let config = self.config.read()?;
        match Helper::of(&config, server)? {
            Some(helper) => helper.erase(server).await?,
            None if auths(&config).is_some_and(|auths| auths.contains_key(server)) => keychain::erase(server).await,
            None => {}
        }
        if auths(&config).is_some_and(|auths| auths.contains_key(server)) {
            self.config.change(|config| {
                if let Some(auths) = config.get_mut(AUTHS).and_then(Value::as_object_mut) {
                    auths.remove(server);
                }
            })?;
        }
        Ok(())
    }
}

fn auths(config: &Map<String, Value>) -> Option<&Map<String, Value>> {
    config.get(AUTHS).and_then(Value::as_object)
}

/// The entry of a registry, and the name it has: older files write it with scheme and path.
fn find<'a>(config: &'a Map<String, Value>, server: &str) -> Option<(&'a str, &'a Value)> {
    let auths = auths(config)?;
    let exact = auths.get_key_value(server);
    exact
        .or_else(|| auths.iter().find(|(name, _)| hostname(name) == server))
        .map(|(name, entry)| (name.as_str(), entry))
}

#[cfg(test)]
mod tests;
