//! Bearer tokens (distribution specification, "Token Authentication").

use super::{Link, challenge::Challenge, client::Trust, exchange::body, failure, origin};
use crate::{Credentials, ImageError, Result};
use reqwest::{
    Method, RequestBuilder, Response, Url,
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
    /// A token that lasts, to get further ones with.
    #[serde(default)]
    refresh_token: String,
}

/// Who this program is to a token service; tokens that last are bound to it.
const CLIENT: &str = "berth";

/// The `Authorization` that answers a registry's challenge; `None` when there is nothing to say.
pub(super) async fn answer(link: &Link, challenges: &[Challenge]) -> Result<Option<HeaderValue>> {
    let credentials = link.credentials.as_ref();
    if let Some(Credentials::RegistryToken(token)) = credentials {
        return secret(format!("Bearer {token}")).map(Some);
    }
    let find = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
    if let Some(bearer) = find("bearer") {
        return fetch(link, bearer).await.map(Some);
    }
    match (find("basic"), credentials) {
        (Some(_), Some(Credentials::Basic { username, password })) => basic(username, password).map(Some),
        _ => Ok(None),
    }
}

async fn fetch(link: &Link, bearer: &Challenge) -> Result<HeaderValue> {
    let registry = &link.base;
    let parameter = |name: &str| bearer.parameters.get(name).map(String::as_str);
    let bad = || ImageError::Registry(format!("{registry}: the registry names no token service that can be asked"));
    let realm: Url = parameter("realm").and_then(|realm| realm.parse().ok()).ok_or_else(bad)?;
    let service = parameter("service").unwrap_or_default();
    let insecure = link.client.trust(registry).await == Trust::Insecure;
    let trusted = origin::may_get_credentials(registry, &realm, insecure);
    if !trusted && (!origin::may_redirect(registry, &realm) || link.credentials.is_some()) {
        return Err(ImageError::Unauthorized(format!(
            "the registry {} sends credentials to {}, which is not its own; nothing was sent",
            origin::host_and_port(registry),
            origin::host_and_port(&realm)
        )));
    }
    let mut lasting = link.lasting.lock().await;
    let response = match lasting.as_deref() {
        Some(token) => refresh(link, &realm, service, token).await?,
        None => ask(link, &realm, service).await?,
    };
    let status = response.status();
    let body = body(response, &realm, TOKEN_MAX).await?;
    if !status.is_success() {
        return Err(failure::token(&realm, status, &body));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| bad())?;
    let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if token.is_empty() {
        return Err(bad());
    }
    if !answer.refresh_token.is_empty() && (lasting.is_some() || link.offline) {
        *lasting = Some(answer.refresh_token);
    }
    secret(format!("Bearer {token}"))
}

/// With a name and a password, or as nobody (distribution specification, "Token Authentication").
async fn ask(link: &Link, realm: &Url, service: &str) -> Result<Response> {
    let mut url = realm.clone();
    // The scopes are what this program needs, and never what a server asks for.
    url.query_pairs_mut().append_pair("service", service);
    url.query_pairs_mut().extend_pairs(link.scopes.iter().map(|scope| ("scope", scope)));
    let authorization = match &link.credentials {
        Some(Credentials::Basic { username, password }) => {
            let mut query = url.query_pairs_mut();
            query.append_pair("account", username);
            if link.offline {
                query.append_pair("client_id", CLIENT).append_pair("offline_token", "true");
            }
            Some(basic(username, password)?)
        }
        _ => None,
    };
    let add = |request: RequestBuilder| match &authorization {
        Some(value) => request.header(AUTHORIZATION, value.clone()),
        None => request,
    };
    link.client.send(&url, add, Method::GET).await
}

/// With a token that lasts (distribution specification, "OAuth2 Token Authentication").
async fn refresh(link: &Link, realm: &Url, service: &str, token: &str) -> Result<Response> {
    let form = form_body(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("service", service),
        ("client_id", CLIENT),
        ("scope", &link.scopes.join(" ")),
    ]);
    let add = |request: RequestBuilder| request.header(CONTENT_TYPE, FORM).body(form.clone());
    link.client.send(realm, add, Method::POST).await
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
