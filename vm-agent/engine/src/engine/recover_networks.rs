//! Networks at the engine's start: who runs keeps its place, what nobody needs goes.

use super::Engine;
use crate::{container::Live, network::Asked, roster::Container};
use std::{collections::BTreeSet, net::IpAddr, path::Path, sync::Arc};

impl Engine {
    /// Takes the addresses that a running container has.
    pub(super) fn take_up_places(&self, container: &Container, live: &Live) {
        for endpoint in live.network.networks.values() {
            let mut asked = Asked::default();
            for address in endpoint.address.into_iter().chain(endpoint.address6) {
                match address {
                    IpAddr::V4(v4) => asked.v4 = Some(v4),
                    IpAddr::V6(v6) => asked.v6 = Some(v6),
                }
            }
            if asked.v4.is_none() && asked.v6.is_none() {
                continue;
            }
            if let Err(e) = self.inner.networks.enter(&endpoint.network_id, container.id(), asked) {
                tracing::error!("{} keeps an address that is not free: {e}", container.definition.short_id());
            }
        }
    }

    /// Removes what belongs to none of the running containers, and makes sure of the networks of those that run. Their name
    /// servers are opened again.
    pub(super) async fn sweep_networks(&self, containers: &[Arc<Container>], running: &BTreeSet<String>) {
        let inner = &self.inner;
        let plans: Vec<_> = inner
            .networks
            .all()
            .into_iter()
            .filter_map(|row| match row.plan() {
                Ok(plan) => plan,
                Err(e) => {
                    tracing::error!("the network {} cannot be used: {e}", row.name);
                    None
                }
            })
            .collect();
        let runs = || containers.iter().filter(|container| running.contains(container.id()));
        let lives: Vec<_> = runs().filter_map(|container| Some((container, container.now().ok()?))).collect();
        let endpoints = lives.iter().flat_map(|(_, live)| live.network.networks.values());
        let endpoints: BTreeSet<String> = endpoints.map(|endpoint| endpoint.endpoint_id.clone()).collect();
        if let Err(e) = inner.seams.network.sweep(running, &endpoints, &plans).await {
            tracing::warn!("leftovers stay on the network: {e}");
        }
        for plan in plans.iter().filter(|plan| !inner.networks.is_empty(&plan.id)) {
            if let Err(e) = inner.seams.network.make(plan).await {
                tracing::error!("a network that containers are on could not be made sure of: {e}");
            }
        }
        for (container, live) in lives.iter().filter(|(_, live)| !live.network.sandbox_key.is_empty()) {
            let namespace = Path::new(&live.network.sandbox_key);
            if let Err(e) = self.serve_names(&container.definition, namespace, &live.network.networks).await {
                tracing::error!("{} has no name server: {e}", container.definition.short_id());
            }
        }
    }
}
