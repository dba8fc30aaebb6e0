//! The list of containers.

use super::{
    Engine,
    neighbours::{dns_names, is_named},
};
use crate::{
    Result,
    container::{
        ContainerFilters, ContainerSize, ContainerState, ContainerSummary, Definition, ListOptions, Live,
        NetworkSettings, PublishedPort, status_text,
    },
    filter,
    roster::Container,
    tree_size::tree_size,
};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// A container with what it was like when the list was made.
type Seen = (Arc<Container>, Arc<Live>);

impl Engine {
    /// The containers that fit, newest first.
    ///
    /// # Errors
    /// A filter that makes no sense.
    pub async fn list_containers(&self, options: ListOptions) -> Result<Vec<ContainerSummary>> {
        let ListOptions { all, limit, size, filters } = options;
        let all = all || limit > 0 || !filters.status.is_empty();
        let names_wanted = filter::Names::new(&filters.name);
        let mut seen: Vec<Seen> =
            self.inner.roster.all().into_iter().filter_map(|c| c.now().ok().map(|live| (c, live))).collect();
        seen.sort_by_key(|(container, _)| (Reverse(container.definition.created), container.id().to_owned()));
        let ancestors = self.ancestors(&filters).await?;
        let bound = |names: &[String]| -> Result<Option<_>> {
            names.first().map(|name| Ok(self.inner.roster.find(name)?.definition.created)).transpose()
        };
        let (before, since) = (bound(&filters.before)?, bound(&filters.since)?);
        seen.retain(|(container, live)| {
            let created = container.definition.created;
            (all || live.life.runs() || live.life.status() == ContainerState::Restarting)
                && before.is_none_or(|before| created < before)
                && since.is_none_or(|since| created > since)
                && ancestors.as_ref().is_none_or(|ids| ids.contains(&container.definition.image_id))
                && fits(&container.definition, live, &filters, self)
                && names_wanted.fit(&live.name)
        });
        if limit > 0 {
            seen.truncate(limit);
        }
        let names = self.present_images(&seen).await;
        let now = self.inner.seams.clock.now();
        let sizes = if size { self.sizes(&seen).await } else { HashMap::new() };
        Ok(seen
            .into_iter()
            .map(|(container, live)| {
                let Definition { id, created, image_id, argv, config, host, mounts } = &*container.definition;
                // A name that means another image by now would mislead.
                let renamed = names.get(&config.image).is_none_or(|means| means != image_id);
                ContainerSummary {
                    id: id.clone(),
                    name: live.name.clone(),
                    image: if renamed { image_id.clone() } else { config.image.clone() },
                    image_id: image_id.clone(),
                    command: one_line(argv),
                    created: *created,
                    state: live.life.status(),
                    status: status_text(&live.life.details, now),
                    ports: ports(&live),
                    labels: config.labels.clone(),
                    network_mode: host.network_mode.clone(),
                    network: self.network_shown(&live, &container.definition),
                    mounts: mounts.iter().map(|mount| mount.point.clone()).collect(),
                    health: live.life.details.health.clone(),
                    size: sizes.get(id).copied(),
                }
            })
            .collect())
    }

    /// The networks of a container, with its names there.
    pub(super) fn network_shown(&self, live: &Live, definition: &Definition) -> NetworkSettings {
        let mut settings = live.network.clone();
        for (network, endpoint) in &mut settings.networks {
            if is_named(network) {
                endpoint.dns_names = dns_names(definition, &live.name, endpoint);
            }
        }
        settings
    }

    /// The ids of the images that the filter names, with those that were made from them; `None` without a filter.
    async fn ancestors(&self, filters: &ContainerFilters) -> Result<Option<HashSet<String>>> {
        if filters.ancestor.is_empty() {
            return Ok(None);
        }
        let images = self.inner.seams.images.list().await?;
        let mut ids = HashSet::new();
        for name in &filters.ancestor {
            // As docker: a name that means nothing fits nothing.
            let Ok(base) = self.inner.seams.images.resolve(name).await else { continue };
            let layers: Vec<_> = base.layers.iter().map(|layer| &layer.chain_id).collect();
            let built_on = images.iter().filter(|image| {
                !layers.is_empty()
                    && image.layers.len() >= layers.len()
                    && layers.iter().zip(&image.layers).all(|(a, b)| **a == b.chain_id)
            });
            ids.extend(built_on.map(|image| image.id.to_string()));
            ids.insert(base.id.to_string());
        }
        Ok(Some(ids))
    }

    async fn sizes(&self, seen: &[Seen]) -> HashMap<String, ContainerSize> {
        let mut sizes = HashMap::new();
        for (container, _) in seen {
            sizes.insert(container.id().to_owned(), self.size_of(&container.definition).await);
        }
        sizes
    }

    /// What a container has written, and that with its image. 0 for what is being removed meanwhile.
    pub(super) async fn size_of(&self, definition: &Definition) -> ContainerSize {
        let dir = self.inner.paths.container(&definition.id);
        let written = match self.inner.seams.snapshots.get(&definition.id, &dir).await {
            Ok(snapshot) => tokio::task::spawn_blocking(move || tree_size(&snapshot.upper)).await,
            Err(e) => Ok(Err(std::io::Error::other(e))),
        };
        let written = match written {
            Ok(Ok(written)) => written,
            Ok(Err(e)) => {
                tracing::debug!("the files of {} cannot be counted: {e}", definition.short_id());
                0
            }
            Err(_) => 0,
        };
        let image = self.inner.seams.images.resolve(&definition.image_id).await.map_or(0, |image| image.size);
        ContainerSize { written, whole: written.saturating_add(image) }
    }

    /// What the image names of these containers mean now.
    async fn present_images(&self, seen: &[Seen]) -> HashMap<String, String> {
        let names: HashSet<&str> =
            seen.iter().map(|(container, _)| container.definition.config.image.as_str()).collect();
        let mut present = HashMap::new();
        for name in names {
            if let Ok(image) = self.inner.seams.images.resolve(name).await {
                present.insert(name.to_owned(), image.id.to_string());
            }
        }
        present
    }
}

fn fits(definition: &Definition, live: &Live, filters: &ContainerFilters, engine: &Engine) -> bool {
    let any = |wanted: &[String], fits: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|w| fits(w));
    let details = &live.life.details;
    let shown = || engine.network_shown(live, definition);
    let port_fits = |wanted: &str, ports: Vec<crate::ContainerPort>| {
        let (range, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse::<u16>()) else { return false };
        ports.iter().any(|port| (low..=high).contains(&port.number) && port.protocol.to_string() == protocol)
    };
    any(&filters.id, &|id| definition.id.starts_with(id))
        && (filters.status.is_empty() || filters.status.contains(&details.status))
        && filters.label.iter().all(|label| filter::label_fits(label, &definition.config.labels))
        && (filters.health.is_empty() || filters.health.contains(&details.health.as_ref().map(|health| health.status)))
        && (filters.exited.is_empty()
            || (details.status == ContainerState::Exited && filters.exited.contains(&details.exit_code)))
        && any(&filters.volume, &|volume| {
            definition.mounts.iter().any(|mount| mount.point.name == volume || mount.point.destination == volume)
        })
        && any(&filters.network, &|network| {
            shown().networks.iter().any(|(name, endpoint)| name == network || endpoint.network_id.starts_with(network))
        })
        && any(&filters.publish, &|wanted| {
            let published = live.network.ports.iter().filter(|(_, at)| !at.is_empty()).map(|(port, _)| *port);
            port_fits(wanted, definition.host.port_bindings.keys().copied().chain(published).collect())
        })
        && any(&filters.expose, &|wanted| port_fits(wanted, definition.config.exposed_ports.iter().copied().collect()))
}

fn ports(live: &Live) -> Vec<PublishedPort> {
    let mut all = Vec::new();
    for (port, addresses) in &live.network.ports {
        let entry = |address: Option<&std::net::SocketAddr>| PublishedPort {
            ip: address.map(std::net::SocketAddr::ip),
            private_port: port.number,
            public_port: address.map(std::net::SocketAddr::port),
            protocol: port.protocol,
        };
        if addresses.is_empty() {
            all.push(entry(None));
        }
        all.extend(addresses.iter().map(|address| entry(Some(address))));
    }
    all
}

/// The command as docker shows it: words that a shell would split are quoted.
fn one_line(argv: &[String]) -> String {
    let words = argv.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { word.clone() });
    words.collect::<Vec<_>>().join(" ")
}
