//! Name servers without a namespace.

use crate::seam::NameServers;
use async_trait::async_trait;
use berth_network::{Error, dns::Look};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

/// What a name server was opened with.
type Open = (Look, Vec<SocketAddr>);

#[derive(Default)]
pub struct FakeNameServers(Mutex<BTreeMap<String, Open>>);

impl FakeNameServers {
    /// What a container's name server says to a name; `None` when the container has none.
    pub fn ask(&self, container: &str, name: &str) -> Option<Option<Vec<IpAddr>>> {
        let names = Look::clone(&self.open().get(container)?.0);
        Some(names().addresses(name))
    }

    /// The servers that a container's name server asks.
    pub fn outside(&self, container: &str) -> Vec<SocketAddr> {
        self.open().get(container).map(|(_, outside)| outside.clone()).unwrap_or_default()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Open>> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl NameServers for FakeNameServers {
    async fn open(&self, container: &str, _: PathBuf, names: Look, outside: Vec<SocketAddr>) -> Result<(), Error> {
        self.open().insert(container.to_owned(), (names, outside));
        Ok(())
    }

    fn close(&self, container: &str) {
        self.open().remove(container);
    }
}
