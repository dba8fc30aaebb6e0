//! Networks without a kernel.

use crate::seam::NetworkBackend;
use async_trait::async_trait;
use berth_network::{DefaultRoutes, Error, InterfacePlan, NetworkPlan, Origin};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

pub struct FakeNetwork {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    made: BTreeMap<String, NetworkPlan>,
    /// Container to its namespace's interfaces, by endpoint.
    open: BTreeMap<String, BTreeMap<String, InterfacePlan>>,
    routes: BTreeMap<String, DefaultRoutes>,
    failing: bool,
}

impl FakeNetwork {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, state: Mutex::default() }
    }

    /// How many containers have a namespace.
    pub fn attached(&self) -> usize {
        self.state().open.len()
    }

    /// The interfaces of a container, by name.
    pub fn interfaces(&self, container: &str) -> BTreeMap<String, InterfacePlan> {
        let state = self.state();
        let interfaces = state.open.get(container).into_iter().flat_map(BTreeMap::values);
        interfaces.map(|interface| (interface.name.clone(), interface.clone())).collect()
    }

    /// Where a container's packets go.
    pub fn routes(&self, container: &str) -> DefaultRoutes {
        self.state().routes.get(container).cloned().unwrap_or_default()
    }

    /// The networks that are made, by id.
    pub fn made(&self) -> BTreeMap<String, NetworkPlan> {
        self.state().made.clone()
    }

    /// Whether joins fail from now on.
    pub fn fail(&self, failing: bool) {
        self.state().failing = failing;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn gone(path: PathBuf) -> Error {
    Error::Io { doing: "open", path, source: io::ErrorKind::NotFound.into() }
}

#[async_trait]
impl NetworkBackend for FakeNetwork {
    fn namespace(&self, container: &str) -> PathBuf {
        self.dir.join(container)
    }

    async fn open(&self, container: &str, _origin: Origin) -> Result<PathBuf, Error> {
        self.state().open.insert(container.to_owned(), BTreeMap::new());
        Ok(self.namespace(container))
    }

    async fn close(&self, container: &str, endpoints: &[String]) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(mut interfaces) = state.open.remove(container) {
            interfaces.retain(|endpoint, _| !endpoints.contains(endpoint));
            assert!(interfaces.is_empty(), "interfaces of {container} leaked: {interfaces:?}");
        }
        state.routes.remove(container);
        Ok(())
    }

    async fn make(&self, network: &NetworkPlan) -> Result<(), Error> {
        self.state().made.insert(network.id.clone(), network.clone());
        Ok(())
    }

    async fn unmake(&self, network: &NetworkPlan) -> Result<(), Error> {
        self.state().made.remove(&network.id);
        Ok(())
    }

    async fn join(&self, container: &str, network: &NetworkPlan, interface: &InterfacePlan) -> Result<(), Error> {
        let mut state = self.state();
        if state.failing {
            return Err(Error::NoModule("test"));
        }
        state.made.insert(network.id.clone(), network.clone());
        let Some(interfaces) = state.open.get_mut(container) else { return Err(gone(self.namespace(container))) };
        assert!(interfaces.values().all(|other| other.name != interface.name), "{} is there twice", interface.name);
        interfaces.insert(interface.endpoint.clone(), interface.clone());
        Ok(())
    }

    async fn leave(&self, container: &str, interface: &InterfacePlan) -> Result<(), Error> {
        if let Some(interfaces) = self.state().open.get_mut(container) {
            interfaces.remove(&interface.endpoint);
        }
        Ok(())
    }

    async fn route(&self, container: &str, routes: &DefaultRoutes) -> Result<(), Error> {
        let mut state = self.state();
        let have = state.routes.entry(container.to_owned()).or_default();
        for (have, new) in [(&mut have.v4, &routes.v4), (&mut have.v6, &routes.v6)] {
            if new.is_some() {
                have.clone_from(new);
            }
        }
        Ok(())
    }

    async fn sweep(
        &self,
        containers: &BTreeSet<String>,
        _endpoints: &BTreeSet<String>,
        networks: &[NetworkPlan],
    ) -> Result<(), Error> {
        let mut state = self.state();
        state.open.retain(|id, _| containers.contains(id));
        state.made.retain(|id, _| networks.iter().any(|network| network.id == *id));
        Ok(())
    }
}
