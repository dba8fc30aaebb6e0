//! Whom a container may call by which names. Asked for each question of a name server: nothing is kept, nothing waits.

use super::{Engine, hosts::link_parts};
use crate::{
    container::{Definition, Endpoint},
    network::{BUILT_IN, Neighbour, NeighbourNetwork},
};
use std::net::IpAddr;

impl Engine {
    /// The networks of a running container, given by its whole id, and everybody on them; nothing for any other.
    #[must_use]
    pub fn neighbours(&self, container: &str) -> Vec<NeighbourNetwork> {
        let Ok(asker) = self.inner.roster.find(container) else { return vec![] };
        let Some(live) = asker.now().ok().filter(|_| asker.id() == container) else { return vec![] };
        let running: Vec<_> = self
            .inner
            .roster
            .all()
            .into_iter()
            .filter_map(|other| {
                other.now().ok().filter(|live| !live.network.sandbox_key.is_empty()).map(|live| (other, live))
            })
            .collect();
        let networks = live.network.networks.values().filter(|endpoint| !endpoint.interface.is_empty());
        networks
            .filter_map(|own| {
                let row = self.inner.networks.by_id(&own.network_id)?;
                let members = running.iter().filter_map(|(other, live)| {
                    let endpoint = live.network.networks.get(&row.name).filter(|e| e.network_id == row.id)?;
                    Some(Neighbour {
                        container: other.id().to_owned(),
                        names: dns_names(&other.definition, &live.name, endpoint),
                        v4: endpoint.address.and_then(|ip| if let IpAddr::V4(v4) = ip { Some(v4) } else { None }),
                        v6: endpoint.address6.and_then(|ip| if let IpAddr::V6(v6) = ip { Some(v6) } else { None }),
                    })
                });
                let links = own.asked.links.iter().filter_map(|link| {
                    let (given, alias) = link_parts(link).ok()?;
                    Some((alias.to_owned(), self.inner.roster.find(given).ok()?.id().to_owned()))
                });
                Some(NeighbourNetwork {
                    id: row.id.clone(),
                    name: row.name.clone(),
                    user_defined: !row.is_built_in(),
                    internal: row.internal,
                    links: links.collect(),
                    members: members.collect(),
                })
            })
            .collect()
    }
}

/// Docker's: its own name, its aliases, its short id, its host name; each once.
pub(super) fn dns_names(definition: &Definition, name: &str, endpoint: &Endpoint) -> Vec<String> {
    let own = [definition.short_id(), definition.config.hostname.as_str()];
    let all = std::iter::once(name).chain(endpoint.asked.aliases.iter().map(String::as_str)).chain(own);
    let mut names: Vec<String> = Vec::new();
    for name in all.filter(|name| !name.is_empty()) {
        if !names.iter().any(|have| have == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Whether a network's members have names there.
pub(super) fn is_named(network: &str) -> bool {
    !BUILT_IN.contains(&network)
}
