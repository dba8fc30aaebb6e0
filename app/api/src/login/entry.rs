//! One login in `config.json`.

use super::Login;
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde_json::{Value, json};

const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an entry says; `None` when it says nothing, as where the secret is kept elsewhere.
pub(super) fn read(server: &str, entry: &Value) -> Result<Option<Login>, &'static str> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut login = Login {
        server: server.to_owned(),
        username: text("username"),
        password: text("password"),
        identity_token: text("identitytoken"),
    };
    let auth = text("auth");
    if !auth.is_empty() {
        let decoded = ANY_PADDING.decode(auth).map_err(|_| "its auth is not base64")?;
        let decoded = String::from_utf8(decoded).map_err(|_| "its auth is no text")?;
        let (username, password) = decoded.split_once(':').ok_or("its auth has no colon")?;
        username.clone_into(&mut login.username);
        password.trim_end_matches('\0').clone_into(&mut login.password);
    }
    let empty = login.username.is_empty() && login.password.is_empty() && login.identity_token.is_empty();
    Ok((!empty).then_some(login))
}

/// An entry that says all.
pub(super) fn write(login: &Login) -> Value {
    let mut entry = json!({ "auth": STANDARD.encode(format!("{}:{}", login.username, login.password)) });
    if !login.identity_token.is_empty() {
        entry["identitytoken"] = login.identity_token.as_str().into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(username in "[^:\0]{1,20}", password in "[^\0]{0,20}", identity_token in "[a-z]{0,5}") {
            let login = Login { server: "r".into(), username, password, identity_token };
            prop_assert_eq!(read("r", &write(&login)).unwrap(), Some(login));
        }

        #[test]
        fn any_entry_gets_an_answer(auth in "\\PC{0,40}") {
            drop(read("r", &json!({ "auth": auth })));
        }
    }
}
