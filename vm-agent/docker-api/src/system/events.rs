//! `/events`: a document per event, as it happens.

use crate::{
    error::{ApiError, Reply},
    filters::Filters,
    moment,
    query::Query,
    version::ApiVersion,
    wire::lines,
};
use axum::extract::State;
use berth_engine::{
    Engine,
    event::{Event, EventFilters, EventKind, EventOptions},
};
use futures_util::StreamExt;
use http::HeaderMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// Docker takes any filter here and passes over those that no event can fit.
const FILTERS: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

pub(super) async fn get(State(engine): State<Engine>, version: ApiVersion, headers: HeaderMap, query: Query) -> Reply {
    let (since, until) = (moment::from_query(&query, "since")?, moment::from_query(&query, "until")?);
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        return Err(ApiError::bad_request(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            query.get("since").unwrap_or_default(),
            query.get("until").unwrap_or_default()
        )));
    }
    let asked = query.filters(FILTERS)?;
    let mut filters = filters(&asked);
    // The engine has none of these things, so that nothing happens to the ones asked for.
    if ["config", "node", "plugin", "secret", "service"].iter().any(|kind| !asked.values(kind).is_empty()) {
        filters.scope = vec!["none".to_owned()];
    }
    let options = EventOptions { since, until, filters };
    let events = engine.events(options).map(move |event| lines::line(&Message::new(event, version)));
    Ok(lines::reply(content_type(&headers, version), events))
}

fn filters(filters: &Filters) -> EventFilters {
    EventFilters {
        kind: filters.values("type"),
        action: filters.values("event"),
        container: filters.values("container"),
        image: filters.values("image"),
        volume: filters.values("volume"),
        network: filters.values("network"),
        label: filters.values("label"),
        daemon: filters.values("daemon"),
        scope: filters.values("scope"),
    }
}

fn content_type(headers: &HeaderMap, version: ApiVersion) -> &'static str {
    let accept = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for kind in ["application/jsonl", "application/x-ndjson"] {
        if accept.split([',', ';']).any(|asked| asked.trim().eq_ignore_ascii_case(kind)) {
            return kind;
        }
    }
    if version.at_least(52) { "application/jsonl" } else { "application/json" }
}

#[derive(Serialize)]
struct Message {
    // Docker dropped these three in API 1.22 and left them out in 1.52; clients up to docker 25 crash without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: Actor,
    scope: &'static str,
    time: i64,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Serialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: BTreeMap<String, String>,
}

impl Message {
    fn new(event: Event, version: ApiVersion) -> Self {
        let old = !version.at_least(52);
        let container = event.kind == EventKind::Container;
        let image = event.kind == EventKind::Image;
        Self {
            status: (old && (container || image)).then(|| event.action.clone()),
            id: (old && (container || image)).then(|| event.actor.clone()),
            from: (old && container).then(|| event.attributes.get("image").cloned().unwrap_or_default()),
            kind: event.kind.as_str(),
            action: event.action,
            actor: Actor { id: event.actor, attributes: event.attributes },
            scope: "local",
            time: event.at.seconds(),
            time_nano: event.at.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::Timestamp;

    fn started() -> Event {
        Event {
            kind: EventKind::Container,
            action: "start".into(),
            actor: "4f53".into(),
            attributes: [("image", "nginx"), ("name", "web")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            at: Timestamp(1_700_000_000_000_000_001),
        }
    }

    #[test]
    fn an_event_is_dockers_and_old_clients_get_the_old_fields_too() {
        insta::assert_json_snapshot!(Message::new(started(), ApiVersion::new(1, 52)), @r#"
        {
          "Type": "container",
          "Action": "start",
          "Actor": {
            "ID": "4f53",
            "Attributes": {
              "image": "nginx",
              "name": "web"
            }
          },
          "scope": "local",
          "time": 1700000000,
          "timeNano": 1700000000000000001
        }
        "#);
        let old = serde_json::to_value(Message::new(started(), ApiVersion::new(1, 51))).unwrap();
        assert_eq!((&old["status"], &old["id"], &old["from"]), (&"start".into(), &"4f53".into(), &"nginx".into()));
    }

    #[test]
    fn the_oracle_reads_an_event() {
        let text = serde_json::to_string(&Message::new(started(), ApiVersion::new(1, 53))).unwrap();
        let message: bollard_stubs::models::EventMessage = serde_json::from_str(&text).unwrap();
        assert_eq!(message.actor.unwrap().id.as_deref(), Some("4f53"));
        assert_eq!(message.time_nano, Some(1_700_000_000_000_000_001));
    }

    #[test]
    fn the_type_of_the_stream_follows_the_client() {
        let asks = |accept: &'static str| HeaderMap::from_iter([(http::header::ACCEPT, accept.parse().unwrap())]);
        assert_eq!(content_type(&asks("application/x-ndjson"), crate::CURRENT), "application/x-ndjson");
        assert_eq!(content_type(&asks("*/*"), crate::CURRENT), "application/jsonl");
        assert_eq!(content_type(&HeaderMap::new(), ApiVersion::new(1, 51)), "application/json");
    }
}
