//! Tells events, with docker's attributes.

use super::Engine;
use crate::{container::Live, event::EventKind, roster::Container};
use std::collections::BTreeMap;

impl Engine {
    /// An event of a container: its labels, its image and its name, and what is special about the event.
    pub(super) fn tell(&self, container: &Container, live: &Live, action: &str, special: &[(&str, String)]) {
        let config = &container.definition.config;
        let mut attributes = config.labels.clone();
        attributes.insert("image".to_owned(), config.image.clone());
        attributes.insert("name".to_owned(), live.name.clone());
        attributes.extend(special.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        self.tell_of(EventKind::Container, action, container.id(), attributes);
    }

    /// An event of anything else.
    pub(super) fn tell_of(&self, kind: EventKind, action: &str, actor: &str, attributes: BTreeMap<String, String>) {
        self.inner.events.tell(self.inner.seams.clock.now(), kind, action, actor, attributes);
    }

    /// Says that a prune is over, and how many bytes came back.
    pub(super) fn tell_prune(&self, kind: EventKind, reclaimed: u64) {
        self.tell_of(kind, "prune", "", BTreeMap::from([("reclaimed".to_owned(), reclaimed.to_string())]));
    }

    /// A container came to its networks or left them.
    pub(super) fn tell_network(&self, container: &Container, action: &str) {
        let Ok(live) = container.now() else { return };
        for endpoint in live.network.networks.values() {
            if let Some(row) = self.inner.networks.by_id(&endpoint.network_id) {
                self.tell_of_network(&row, action, &[("container", container.id())]);
            }
        }
    }
}
