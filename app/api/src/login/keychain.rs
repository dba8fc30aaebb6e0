//! The keychain of the system: Keychain Services, the Windows Credential Manager, or the Secret Service of the desktop.
//! On a machine without a desktop there is none, and logins go into docker's file.

use super::{Login, hostname};
use crate::error::Error;
use serde_json::{Value, json};

/// What Berth's secrets are filed under.
const SERVICE: &str = "berth";

/// Keeps a login; `false` when there is no keychain that takes it.
pub(super) async fn store(login: &Login) -> bool {
    let (username, secret) = login.secret();
    let document = json!({ "Username": username, "Secret": secret }).to_string();
    let stored = with(login.server.clone(), move |entry| entry.set_password(&document)).await;
    stored.is_ok()
}

/// The login that is filed under `name`; `None` when there is none.
///
/// # Errors
/// When the keychain is there and fails, or stays locked.
pub(super) async fn get(name: String, server: &str) -> Result<Option<Login>, Error> {
    match with(name, keyring::Entry::get_password).await {
        Ok(document) => {
            let document: Value = serde_json::from_str(&document).unwrap_or_default();
            let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
            Ok(Some(Login::of_secret(server, text("Username"), text("Secret"))))
        }
        Err(keyring::Error::NoEntry | keyring::Error::NoDefaultStore) => Ok(None),
        Err(error) => Err(Error::Invalid(format!("the keychain keeps the login of {}: {error}", hostname(server)))),
    }
}

/// Forgets what is filed under `server`, if anything is.
pub(super) async fn erase(server: &str) {
    with(server.to_owned(), keyring::Entry::delete_credential).await.ok();
}

async fn with<T: Send + 'static>(
    name: String,
    work: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
) -> keyring::Result<T> {
    // It may wait for the user to unlock it.
    let done = tokio::task::spawn_blocking(move || work(&keyring::Entry::new(SERVICE, &name)?)).await;
    done.unwrap_or_else(|error| Err(keyring::Error::PlatformFailure(Box::new(error))))
}
