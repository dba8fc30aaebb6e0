//! The name servers of containers: who has one, and what it knows.

use super::Engine;
use crate::{
    Error, Result,
    container::{Definition, Endpoint},
    network::{NeighbourNetwork, directory},
    spec::{EtcFiles, resolv_conf},
};
use berth_network::dns::{Look, Names};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

/// The port of name servers.
const PORT: u16 = 53;

impl Engine {
    /// Gives a container whose namespace is there its name server, when one of its networks is a user's.
    pub(super) async fn serve_names(
        &self,
        definition: &Definition,
        namespace: &Path,
        networks: &BTreeMap<String, Endpoint>,
    ) -> Result<()> {
        if !self.resolves_names(networks.values()) {
            return Ok(());
        }
        let asked = &definition.host.dns;
        let servers = if asked.is_empty() { &self.uplink().dns } else { asked };
        let outside = servers.iter().map(|server| SocketAddr::new(*server, PORT)).collect();
        let (engine, container) = (Arc::downgrade(&self.inner), definition.id.clone());
        let look: Look = Arc::new(move || {
            let engine = engine.upgrade().map(|inner| Engine { inner });
            Box::new(View(engine.map(|engine| engine.neighbours(&container)).unwrap_or_default()))
        });
        let opened = self.inner.seams.names.open(&definition.id, namespace.to_owned(), look, outside).await;
        opened.map_err(|e| Error::Internal(e.to_string()))
    }

    /// The container's `/etc/resolv.conf`.
    pub(super) fn resolv_conf(&self, definition: &Definition, networks: &BTreeMap<String, Endpoint>) -> String {
        resolv_conf(&definition.host, &self.uplink().dns, self.resolves_names(networks.values()))
    }

    /// Opens the name server of a container that came to its first network of the user's while it runs, and has its
    /// programs ask there, unless one of them wrote `/etc/resolv.conf` itself.
    pub(super) async fn begin_to_serve_names(
        &self,
        definition: &Definition,
        namespace: &Path,
        before: &BTreeMap<String, Endpoint>,
        after: &BTreeMap<String, Endpoint>,
    ) -> Result<()> {
        if self.resolves_names(before.values()) || !self.resolves_names(after.values()) {
            return Ok(());
        }
        self.serve_names(definition, namespace, after).await?;
        let EtcFiles { resolv_conf: path, .. } = self.etc_files(definition);
        let (old, new) = (self.resolv_conf(definition, before), self.resolv_conf(definition, after));
        let written = std::fs::read_to_string(&path)
            .and_then(|text| if text == old { std::fs::write(&path, new) } else { Ok(()) });
        if let Err(e) = written {
            tracing::warn!("{} is not up to date: {e}", path.display());
        }
        Ok(())
    }

    /// Whether a container of these networks has a name server: one network of a user's is enough.
    fn resolves_names<'a>(&self, mut endpoints: impl Iterator<Item = &'a Endpoint>) -> bool {
        endpoints.any(|endpoint| {
            self.inner.networks.by_id(&endpoint.network_id).is_some_and(|network| !network.is_built_in())
        })
    }
}

/// What one container can resolve, from who is on its networks.
struct View(Vec<NeighbourNetwork>);

impl Names for View {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        directory::addresses(&self.0, name)
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        directory::name_of(&self.0, address)
    }

    fn may_ask_outside(&self) -> bool {
        directory::may_ask_outside(&self.0)
    }
}
