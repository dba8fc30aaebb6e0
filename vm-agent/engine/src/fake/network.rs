//! A bridge without a kernel.

use crate::seam::{AttachedNetwork, BridgeInfo, NetworkBackend};
use async_trait::async_trait;
use berth_network::{AddressPool, Endpoint, Error, MacAddress, Origin};
use std::{collections::BTreeSet, net::Ipv4Addr, path::PathBuf, sync::Mutex};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

pub struct FakeNetwork {
    dir: PathBuf,
    pool: Mutex<AddressPool>,
    attached: Mutex<BTreeSet<String>>,
}

impl FakeNetwork {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, pool: Mutex::new(AddressPool::new(GATEWAY, 16).unwrap()), attached: Mutex::default() }
    }

    /// How many containers have a namespace.
    pub fn attached(&self) -> usize {
        self.attached.lock().unwrap().len()
    }

    /// An engine died: what it knew of addresses is forgotten, the namespaces stay.
    pub fn forget_addresses(&self) {
        *self.pool.lock().unwrap() = AddressPool::new(GATEWAY, 16).unwrap();
    }
}

#[async_trait]
impl NetworkBackend for FakeNetwork {
    fn bridge(&self) -> BridgeInfo {
        BridgeInfo { interface: "berth0".into(), subnet: Ipv4Addr::new(172, 17, 0, 0), prefix: 16, gateway: GATEWAY }
    }

    fn namespace(&self, container: &str) -> PathBuf {
        self.dir.join(container)
    }

    async fn attach(&self, container: &str, _origin: Origin) -> Result<AttachedNetwork, Error> {
        let address = self.pool.lock().unwrap().allocate()?;
        self.attached.lock().unwrap().insert(container.to_owned());
        let endpoint = Endpoint { address, prefix: 16, gateway: GATEWAY, mac: MacAddress::of(address) };
        Ok(AttachedNetwork { namespace: self.namespace(container), endpoint })
    }

    async fn isolate(&self, container: &str, _origin: Origin) -> Result<PathBuf, Error> {
        self.attached.lock().unwrap().insert(container.to_owned());
        Ok(self.namespace(container))
    }

    async fn detach(&self, container: &str, address: Option<Ipv4Addr>) -> Result<(), Error> {
        self.attached.lock().unwrap().remove(container);
        if let Some(address) = address {
            self.pool.lock().unwrap().release(address);
        }
        Ok(())
    }

    fn claim(&self, address: Ipv4Addr) -> Result<(), Error> {
        self.pool.lock().unwrap().claim(address)
    }

    async fn sweep(&self, keep: &BTreeSet<String>) -> Result<(), Error> {
        self.attached.lock().unwrap().retain(|id| keep.contains(id));
        Ok(())
    }
}
