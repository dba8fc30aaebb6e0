//! Bearer tokens (distribution specification, "Token Authentication").

use super::{Session, challenge::Challenge, exchange::body, failure, origin};
use crate::{Credentials, ImageError, Result};
use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;

/// Largest answer of a token service, bytes.
const TOKEN_MAX: u64 = 1 << 20;

const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

/// The `Authorization` that answers a registry's challenge; `None` when there is nothing to say.
pub(super) async fn answer(session: &Session, challenges: &[Challenge]) -> Result<Option<HeaderValue>> {
    let credentials = session.credentials.as_ref();
    if let Some(Credentials::RegistryToken(token)) = credentials {
        return secret(format!("Bearer {token}")).map(Some);
    }
    let find = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
    if let Some(bearer) = find("bearer") {
        return fetch(session, bearer).await.map(Some);
    }
    match (find("basic"), credentials) {
        (Some(_), Some(Credentials::Basic { username, password })) => basic(username, password).map(Some),
        _ => Ok(None),
    }
}

async fn fetch(session: &Session, bearer: &Challenge) -> Result<HeaderValue> {
    let (client, registry, credentials) = (&session.client, &session.base, session.credentials.as_ref());
    let parameter = |name: &str| bearer.parameters.get(name).map(String::as_str);
    let bad = || ImageError::Registry(format!("{registry}: the registry names no token service that can be asked"));
    let realm: Url = parameter("realm").and_then(|realm| realm.parse().ok()).ok_or_else(bad)?;
    let service = parameter("service").unwrap_or_default();
    // The scopes are what this program needs, and never what a server asks for.
    let scopes = session.access.scopes(session.reference.path());
    let trusted = origin::may_get_credentials(registry, &realm);
    if !trusted && (!origin::may_redirect(registry, &realm) || credentials.is_some()) {
        return Err(ImageError::Unauthorized(format!(
            "the registry {} sends credentials to {}, which is not its own; nothing was sent",
            origin::host_and_port(registry),
            origin::host_and_port(&realm)
        )));
    }
    let response = match credentials {
        Some(Credentials::IdentityToken(token)) => {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("service", service),
                ("client_id", "berth"),
                ("scope", &scopes.join(" ")),
            ];
            let body = form_body(&form);
            let add = |request: reqwest::RequestBuilder| request.header(CONTENT_TYPE, FORM).body(body.clone());
            client.send(&realm, add, reqwest::Method::POST).await?
        }
        credentials => {
            let mut url = realm.clone();
            url.query_pairs_mut().append_pair("service", service);
            url.query_pairs_mut().extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
            let authorization = match credentials {
                Some(Credentials::Basic { username, password }) => Some(basic(username, password)?),
                _ => None,
            };
            let add = |request: reqwest::RequestBuilder| match &authorization {
                Some(value) => request.header(AUTHORIZATION, value.clone()),
                None => request,
            };
            client.send(&url, add, reqwest::Method::GET).await?
        }
    };
    let status = response.status();
    let body = body(response, &realm, TOKEN_MAX).await?;
    if !status.is_success() {
        // The service denies what it does not know; a bad password is the only other reason.
        let status = if status == StatusCode::FORBIDDEN { StatusCode::UNAUTHORIZED } else { status };
        return Err(failure::answer(&session.reference, &session.access, status, &body));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| bad())?;
    let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if token.is_empty() {
        return Err(bad());
    }
    secret(format!("Bearer {token}"))
}

fn form_body(form: &[(&str, &str)]) -> String {
    let mut url: Url = "form:".parse().expect("a constant");
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

fn basic(username: &str, password: &str) -> Result<HeaderValue> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    secret(format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

/// A header value that no debug output shows.
fn secret(text: String) -> Result<HeaderValue> {
    let bad = |_| ImageError::Unauthorized("the credentials hold characters that no header can carry".into());
    let mut value = HeaderValue::try_from(text).map_err(bad)?;
    value.set_sensitive(true);
    Ok(value)
}
