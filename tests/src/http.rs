//! An ordinary HTTP client.

use std::time::Duration;

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

/// Fetches `url`.
///
/// # Errors
/// When nothing answers.
pub fn get(url: &str) -> Result<Page, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut answer = agent.get(url).call()?;
    Ok(Page { status: answer.status().as_u16(), body: answer.body_mut().read_to_string()? })
}
