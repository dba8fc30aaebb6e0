//! `events`.

use super::since;
use crate::{
    arguments::{Events, filters},
    failure::{Outcome, invalid},
    output::outln,
    render::{
        template::{Of, Template},
        text::inert,
    },
};
use berth_api::{Client, client::EventQuery};
use futures_util::StreamExt;
use serde_json::Value;
use std::pin::pin;
use time::{OffsetDateTime, macros::format_description};

pub(super) async fn events(client: &Client, options: &Events) -> Outcome {
    let moment = |text: &Option<String>, option| {
        since::given(text.as_deref(), option).map(|at| at.map(|nanos| nanos / 1_000_000_000))
    };
    let query = EventQuery {
        since: moment(&options.since, "--since")?,
        until: moment(&options.until, "--until")?,
        filters: filters(&options.filter)?,
    };
    let template = match options.format.as_deref() {
        None | Some("json") => None,
        Some(text) => Some(Template::parse(text, Of::Value("events.Message"))?),
    };
    super::must_run(client).await?;
    let mut events = pin!(client.engine_events(&query)?);
    while let Some(event) = events.next().await {
        let event = serde_json::to_value(event?).map_err(|error| invalid(error.to_string()))?;
        let line = match (&template, &options.format) {
            (Some(template), _) => template.render(&event)?,
            (None, Some(_)) => event.to_string(),
            (None, None) => line(&event),
        };
        outln!("{line}");
    }
    Ok(0)
}

/// `2026-11-25T02:00:00.000000000Z container start 4f53... (image=nginx, name=web)`.
fn line(event: &Value) -> String {
    let text = |value: &Value| value.as_str().map(inert).unwrap_or_default();
    let nanos = event["timeNano"].as_i64().unwrap_or(0);
    let fixed = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).ok().and_then(|at| at.format(fixed).ok());
    let mut line = format!(
        "{} {} {} {}",
        at.unwrap_or_default(),
        text(&event["Type"]),
        text(&event["Action"]),
        text(&event["Actor"]["ID"])
    );
    // Sorted, since serde_json keeps its objects so.
    let attributes = event["Actor"]["Attributes"].as_object().into_iter().flatten();
    let pairs: Vec<String> = attributes.map(|(key, value)| format!("{}={}", inert(key), text(value))).collect();
    if !pairs.is_empty() {
        line.push_str(&format!(" ({})", pairs.join(", ")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_dockers() {
        let event = json!({
            "Type": "container", "Action": "start", "timeNano": 1_700_000_000_000_000_001_i64,
            "Actor": { "ID": "4f53", "Attributes": { "name": "web", "image": "nginx\u{1b}[2J" } },
        });
        assert_eq!(line(&event), "2023-11-14T22:13:20.000000001Z container start 4f53 (image=nginx [2J, name=web)");
    }
}
