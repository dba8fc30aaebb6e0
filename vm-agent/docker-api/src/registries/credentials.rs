//! The `X-Registry-Auth` header: credentials as base64url of JSON.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use berth_engine::image::RegistryAuth;
use http::HeaderMap;
use serde::Deserialize;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The credentials of a request. Absent, empty and unreadable ones are `None`: docker pulls without them then, and
/// clients rely on it.
pub(crate) fn from_headers(headers: &HeaderMap) -> Option<RegistryAuth> {
    let text = headers.get("x-registry-auth")?.to_str().ok()?.trim();
    let decode = |alphabet| GeneralPurpose::new(alphabet, ANY_PADDING).decode(text);
    let bytes = decode(&URL_SAFE).or_else(|_| decode(&STANDARD)).ok()?;
    let auth: Credentials = serde_json::from_slice(&bytes).ok()?;
    let auth = RegistryAuth::from(auth);
    (auth != RegistryAuth::default()).then_some(auth)
}

/// Docker's `AuthConfig`.
#[derive(Deserialize)]
pub(super) struct Credentials {
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
    pub(super) serveraddress: Option<String>,
}

impl From<Credentials> for RegistryAuth {
    fn from(auth: Credentials) -> Self {
        Self {
            username: auth.username.unwrap_or_default(),
            password: auth.password.unwrap_or_default(),
            identity_token: auth.identitytoken.unwrap_or_default(),
            registry_token: auth.registrytoken.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<RegistryAuth> {
        from_headers(&HeaderMap::from_iter([("x-registry-auth".parse().unwrap(), text.parse().ok()?)]))
    }

    #[test]
    fn credentials_are_read_in_every_base64_that_clients_write() {
        let json = r#"{"username":"ü>?","password":"p","serveraddress":"r.example"}"#;
        for text in [
            general_purpose::URL_SAFE.encode(json),
            general_purpose::URL_SAFE_NO_PAD.encode(json),
            general_purpose::STANDARD.encode(json),
        ] {
            let auth = read(&text).unwrap();
            assert_eq!((auth.username.as_str(), auth.password.as_str()), ("ü>?", "p"));
        }
    }

    #[test]
    fn none_and_nonsense_pull_without() {
        for text in ["", "e30=", "bnVsbA==", "!!!", &general_purpose::URL_SAFE.encode("{}")] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(from_headers(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn any_header_gets_an_answer(text in "[ -~]{0,80}") {
            drop(read(&text));
        }
    }
}
