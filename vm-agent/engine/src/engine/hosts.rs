//! The lines of a container's `/etc/hosts` that follow from its networks.

use super::Engine;
use crate::{
    Error, Result,
    container::{Endpoint, HostConfig, NetworkMode, NetworkSettings},
    network::BRIDGE,
    roster::Container,
    spec,
};
use std::{net::IpAddr, path::Path};

impl Engine {
    /// A running container came to a network.
    pub(super) fn add_to_hosts(&self, container: &Container, endpoint: &Endpoint) {
        let hostname = spec::hostname(&container.definition, &self.inner.config.hostname);
        let lines: String = addresses(endpoint).map(|address| format!("{address}\t{hostname}\n")).collect();
        edit(&self.etc_files(&container.definition).hosts, |text| text.to_owned() + &lines);
    }

    /// A running container left a network.
    pub(super) fn remove_from_hosts(&self, container: &Container, endpoint: &Endpoint) {
        let gone: Vec<IpAddr> = addresses(endpoint).collect();
        let goes = |line: &str| {
            line.split_whitespace().next().and_then(|word| word.parse().ok()).is_some_and(|a| gone.contains(&a))
        };
        edit(&self.etc_files(&container.definition).hosts, |text| without(text, goes));
    }

    /// A container started: those that run and call it by a name of their own find it where it is now.
    pub(super) fn refresh_links(&self, started: &Container) {
        let running = self.inner.roster.all().into_iter().filter_map(|other| Some((other.now().ok()?, other)));
        for (live, other) in running.filter(|(live, other)| live.life.runs() && other.id() != started.id()) {
            let means_it = |link: &String| {
                let (name, _) = link_parts(link).ok()?;
                self.inner.roster.find(name).ok().filter(|linked| linked.id() == started.id())
            };
            if !other.definition.host.links.iter().any(|link| means_it(link).is_some()) {
                continue;
            }
            // Another that it calls may not run just now: its line stays as it is.
            let host = HostConfig {
                links: other.definition.host.links.iter().filter(|link| means_it(link).is_some()).cloned().collect(),
                network_mode: other.definition.host.network_mode.clone(),
                ..HostConfig::default()
            };
            let Ok(lines) = self.links(&live.name, &host) else { continue };
            edit(&self.etc_files(&other.definition).hosts, |text| {
                let names: Vec<&str> = lines.iter().map(|(_, names)| names.as_str()).collect();
                let rest = without(text, |line| line.split_once('\t').is_some_and(|(_, rest)| names.contains(&rest)));
                lines.iter().fold(rest, |text, (address, names)| format!("{text}{address}\t{names}\n"))
            });
        }
    }

    /// What a container on the default network calls others, for its `/etc/hosts`.
    ///
    /// # Errors
    /// Docker's sentence for one that does not run.
    pub(super) fn links(&self, own: &str, host: &HostConfig) -> Result<Vec<(IpAddr, String)>> {
        if matches!(host.network_mode, NetworkMode::Named(_)) {
            return Ok(vec![]);
        }
        let mut lines = Vec::new();
        for link in &host.links {
            let (given, alias) = link_parts(link)?;
            let other = self.inner.roster.find(given)?;
            let live = other.now()?;
            if !live.life.runs() {
                return Err(Error::InvalidParameter(format!(
                    "Cannot link to a non running container: /{} AS /{own}/{alias}",
                    live.name
                )));
            }
            let Some(endpoint) = live.network.networks.get(BRIDGE) else {
                return Err(Error::InvalidParameter(format!(
                    "Cannot link to /{}, as it does not belong to the default network",
                    live.name
                )));
            };
            let short = other.definition.short_id();
            let names = format!("{alias} {short} {}", live.name);
            lines.extend(addresses(endpoint).map(|address| (address, names.clone())));
        }
        Ok(lines)
    }
}

/// The addresses of a place, IPv4 first.
pub(super) fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> {
    endpoint.address.into_iter().chain(endpoint.address6)
}

/// Every address that a container has.
pub(super) fn all_addresses(settings: &NetworkSettings) -> Vec<IpAddr> {
    settings.networks.values().flat_map(addresses).collect()
}

/// `name-or-id[:alias]`.
pub(super) fn link_parts(link: &str) -> Result<(&str, &str)> {
    let (name, alias) = link.split_once(':').unwrap_or((link, link));
    if name.is_empty() || alias.is_empty() || alias.contains([':', '/', ' ']) {
        return Err(Error::InvalidParameter(format!("bad format for links: {link}")));
    }
    Ok((name, alias))
}

/// The lines but for those.
fn without(text: &str, goes: impl Fn(&str) -> bool) -> String {
    text.lines().filter(|line| !goes(line)).fold(String::new(), |text, line| text + line + "\n")
}

/// In place: the container has this very file mounted, and may have lines of its own in it.
fn edit(path: &Path, edit: impl FnOnce(&str) -> String) {
    let edited = std::fs::read_to_string(path).and_then(|text| std::fs::write(path, edit(&text)));
    if let Err(e) = edited {
        tracing::warn!("{} is not up to date: {e}", path.display());
    }
}
