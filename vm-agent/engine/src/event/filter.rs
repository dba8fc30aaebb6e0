//! Which events a listener wants.

use super::{Event, EventFilters, EventKind};

/// Whether an event passes. Lists are an "or", different lists an "and", labels an "and" among themselves.
pub(super) fn fits(filters: &EventFilters, event: &Event) -> bool {
    let about = |kind: EventKind, wanted: &[String], also: &str| {
        wanted.is_empty()
            || (event.kind == kind
                && wanted.iter().any(|w| {
                    // As docker (moby `FuzzyMatch`): beginnings of ids and names count.
                    event.actor.starts_with(w.as_str())
                        || event.attributes.get(also).is_some_and(|name| name.starts_with(w.as_str()))
                }))
    };
    // Network and volume events carry the container's id: docker lets the container filter see them.
    let container = filters.container.is_empty()
        || about(EventKind::Container, &filters.container, "name")
        || event
            .attributes
            .get("container")
            .is_some_and(|id| filters.container.iter().any(|w| id.starts_with(w.as_str())));
    (filters.kind.is_empty() || filters.kind.iter().any(|kind| kind == event.kind.as_str()))
        && (filters.action.is_empty() || filters.action.iter().any(|action| same_action(action, &event.action)))
        && container
        && image_fits(filters, event)
        && about(EventKind::Volume, &filters.volume, "name")
        && about(EventKind::Network, &filters.network, "name")
        && about(EventKind::Daemon, &filters.daemon, "name")
        && (filters.scope.is_empty() || filters.scope.iter().any(|scope| scope == "local"))
        && filters.label.iter().all(|label| crate::filter::label_fits(label, &event.attributes))
}

fn same_action(wanted: &str, action: &str) -> bool {
    action == wanted || action.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(':'))
}

/// An image filter sees the image's own events and those of its containers; a tag may be left out.
fn image_fits(filters: &EventFilters, event: &Event) -> bool {
    let named = match event.kind {
        EventKind::Image => [Some(event.actor.as_str()), event.attributes.get("name").map(String::as_str)],
        EventKind::Container => [event.attributes.get("image").map(String::as_str), None],
        _ => [None, None],
    };
    filters.image.is_empty()
        || filters.image.iter().any(|wanted| {
            named.iter().flatten().any(|name| {
                name == wanted || name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with(':'))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn event(kind: EventKind, action: &str, attributes: &[(&str, &str)]) -> Event {
        Event {
            kind,
            action: action.into(),
            actor: "0123456789abcdef".into(),
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            at: Timestamp(0),
        }
    }

    #[test]
    fn filters_are_dockers() {
        let start =
            event(EventKind::Container, "start", &[("name", "web"), ("image", "nginx:latest"), ("tier", "front")]);
        let some = |f: fn(&mut EventFilters, Vec<String>), values: &[&str]| {
            let mut filters = EventFilters::default();
            f(&mut filters, values.iter().map(|v| (*v).to_owned()).collect());
            fits(&filters, &start)
        };
        assert!(fits(&EventFilters::default(), &start));
        assert!(some(|f, v| f.kind = v, &["image", "container"]) && !some(|f, v| f.kind = v, &["image"]));
        assert!(some(|f, v| f.action = v, &["start"]) && !some(|f, v| f.action = v, &["st"]));
        assert!(some(|f, v| f.container = v, &["web"]) && some(|f, v| f.container = v, &["0123456789ab"]));
        assert!(some(|f, v| f.container = v, &["we"]) && !some(|f, v| f.container = v, &["eb"]));
        assert!(some(|f, v| f.scope = v, &["local"]) && !some(|f, v| f.scope = v, &["swarm"]));
        assert!(!some(|f, v| f.daemon = v, &["web"]));
        assert!(some(|f, v| f.image = v, &["nginx"]) && !some(|f, v| f.image = v, &["ngin"]));
        assert!(some(|f, v| f.label = v, &["tier", "tier=front"]) && !some(|f, v| f.label = v, &["tier", "x"]));
        assert!(!some(|f, v| f.volume = v, &["web"]));
        let exec = event(EventKind::Container, "exec_create: sh -c ls", &[]);
        assert!(fits(&EventFilters { action: vec!["exec_create".into()], ..EventFilters::default() }, &exec));
    }
}
