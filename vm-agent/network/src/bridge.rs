//! The default bridge and the containers on it.

use crate::{AddressPool, Error, Origin, Subnet, link, namespace, ruleset};
use rtnetlink::Handle;
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

/// Digits of a container's id in its interface's name: with the prefix below the kernel's limit of 15 bytes.
const ID_DIGITS: usize = 12;
const INTERFACE_PREFIX: &str = "vb";

/// What the bridge is and where things are.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// Interface name.
    pub name: String,
    /// The bridge's own address, the containers' gateway.
    pub gateway: Ipv4Addr,
    /// Bits of the subnet's prefix.
    pub prefix: u8,
    /// Where the named namespaces are.
    pub netns_dir: PathBuf,
    /// The `nft` program.
    pub nft: PathBuf,
}

impl BridgeConfig {
    /// Docker's subnet on a bridge of our own name.
    #[must_use]
    pub fn docker_like(netns_dir: PathBuf) -> Self {
        Self {
            name: "berth0".to_owned(),
            gateway: Ipv4Addr::new(172, 17, 0, 1),
            prefix: 16,
            netns_dir,
            nft: "/usr/sbin/nft".into(),
        }
    }
}

/// An Ethernet address, written `02:42:ac:11:00:02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The address that follows from an IPv4 address. An IPv4 address that moves to another container keeps its
    /// Ethernet address, so no neighbour table is stale.
    #[must_use]
    pub const fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, 0x42, a, b, c, d])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A container's place on the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: Ipv4Addr,
    /// Bits of the prefix.
    pub prefix: u8,
    /// Its default route.
    pub gateway: Ipv4Addr,
    /// Its Ethernet address.
    pub mac: MacAddress,
}

/// The default bridge. The bridge itself is made at the first use, since its kernel modules load in the background.
pub struct BridgeNetwork {
    config: BridgeConfig,
    handle: Handle,
    bridge: OnceCell<u32>,
    pool: Mutex<AddressPool>,
}

impl BridgeNetwork {
    /// Opens netlink. Call inside a tokio runtime with I/O.
    ///
    /// # Errors
    /// A subnet that is none, a directory that cannot be made, netlink that cannot be opened.
    pub fn open(config: BridgeConfig) -> Result<Self, Error> {
        let pool = AddressPool::new(config.gateway, config.prefix)?;
        fs::create_dir_all(&config.netns_dir).map_err(Error::io("create", &config.netns_dir))?;
        let (connection, handle, _) = rtnetlink::new_connection().map_err(Error::io("open", "netlink"))?;
        tokio::spawn(connection);
        Ok(Self { config, handle, bridge: OnceCell::new(), pool: Mutex::new(pool) })
    }

    /// What the bridge is.
    #[must_use]
    pub const fn config(&self) -> &BridgeConfig {
        &self.config
    }

    /// The bridge's subnet.
    #[must_use]
    pub fn subnet(&self) -> Subnet {
        self.pool().subnet()
    }

    /// Takes an address that a container has since before this engine started.
    ///
    /// # Errors
    /// [`Error::AddressTaken`].
    pub fn claim(&self, address: Ipv4Addr) -> Result<(), Error> {
        self.pool().claim(address)
    }

    /// The file that names a container's namespace.
    #[must_use]
    pub fn namespace(&self, id: &str) -> PathBuf {
        self.config.netns_dir.join(id)
    }

    /// Leaves a namespace with loopback only.
    ///
    /// # Errors
    /// When the system refuses; nothing is left then.
    pub async fn isolate(&self, id: &str, origin: Origin) -> Result<PathBuf, Error> {
        interface_name(id)?;
        let path = self.namespace(id);
        namespace::create(path.clone(), origin, None).await?;
        Ok(path)
    }

    /// Puts a namespace on the bridge.
    ///
    /// # Errors
    /// When the system refuses or no address is left; nothing is left then.
    pub async fn attach(&self, id: &str, origin: Origin) -> Result<(PathBuf, Endpoint), Error> {
        let interface = interface_name(id)?;
        let bridge = *self.bridge.get_or_try_init(|| self.prepare()).await?;
        let path = self.namespace(id);
        link::remove(&self.handle, &interface).await?;

        let claim = Claim::new(&self.pool)?;
        let endpoint = Endpoint {
            address: claim.address,
            prefix: self.config.prefix,
            gateway: self.config.gateway,
            mac: MacAddress::of(claim.address),
        };
        let wiring = namespace::Wiring {
            outside: self.handle.clone(),
            bridge,
            interface: interface.clone(),
            mac: endpoint.mac,
            endpoint: endpoint.clone(),
        };
        if let Err(e) = namespace::create(path.clone(), origin, Some(wiring)).await {
            link::remove(&self.handle, &interface).await?;
            return Err(e);
        }
        claim.keep();
        Ok((path, endpoint))
    }

    /// Takes a container off: its interfaces, its namespace's name, its address. What is gone already is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn detach(&self, id: &str, address: Option<Ipv4Addr>) -> Result<(), Error> {
        link::remove(&self.handle, &interface_name(id)?).await?;
        namespace::remove(&self.namespace(id))?;
        if let Some(address) = address {
            self.pool().release(address);
        }
        Ok(())
    }

    /// Removes the namespaces and interfaces of every container but these.
    ///
    /// # Errors
    /// When the system refuses; the rest is still tried.
    pub async fn sweep(&self, keep: &BTreeSet<String>) -> Result<(), Error> {
        let mut first_error = None;
        let dir = &self.config.netns_dir;
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
            let path = entry.map_err(Error::io("list", dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !keep.contains(name.as_ref()) {
                tracing::info!("removing the network namespace of {name}, which no container owns");
                first_error = first_error.or(namespace::remove(&path).err());
            }
        }
        let kept: BTreeSet<String> = keep.iter().filter_map(|id| interface_name(id).ok()).collect();
        for name in link::names(&self.handle).await? {
            if is_ours(&name) && !kept.contains(&name) {
                first_error = first_error.or(link::remove(&self.handle, &name).await.err());
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn prepare(&self) -> Result<u32, Error> {
        let BridgeConfig { name, gateway, prefix, nft, .. } = &self.config;
        let index = link::ensure_bridge(&self.handle, name, MacAddress::of(*gateway), *gateway, *prefix).await?;
        quiet_ipv6(name)?;
        ruleset::apply(nft, &ruleset::render(name, self.subnet())).await?;
        let forward = Path::new("/proc/sys/net/ipv4/ip_forward");
        fs::write(forward, "1").map_err(Error::io("write", forward))?;
        Ok(index)
    }

    fn pool(&self) -> MutexGuard<'_, AddressPool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without this the bridge has a link-local address by which containers reach the machine past the IPv4 rules.
fn quiet_ipv6(bridge: &str) -> Result<(), Error> {
    let path = PathBuf::from(format!("/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6"));
    match fs::write(&path, "1") {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("write", path)(e)),
        _ => Ok(()),
    }
}

/// An address that goes back to the pool unless it is kept.
struct Claim<'a> {
    pool: &'a Mutex<AddressPool>,
    address: Ipv4Addr,
    kept: bool,
}

impl<'a> Claim<'a> {
    fn new(pool: &'a Mutex<AddressPool>) -> Result<Self, Error> {
        let address = pool.lock().unwrap_or_else(PoisonError::into_inner).allocate()?;
        Ok(Self { pool, address, kept: false })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).release(self.address);
        }
    }
}

fn interface_name(id: &str) -> Result<String, Error> {
    let usable = id.len() >= ID_DIGITS && id.bytes().all(|b| b.is_ascii_hexdigit());
    if usable { Ok(format!("{INTERFACE_PREFIX}{}", &id[..ID_DIGITS])) } else { Err(Error::BadId(id.to_owned())) }
}

fn is_ours(interface: &str) -> bool {
    interface
        .strip_prefix(INTERFACE_PREFIX)
        .is_some_and(|rest| rest.len() == ID_DIGITS && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_name_a_file_elsewhere() {
        for bad in ["", "short", "../../../etc/passwd", "0123456789a/", "0123456789ab.."] {
            assert!(interface_name(bad).is_err(), "{bad}");
        }
        let name = interface_name(&"0123456789abcdef".repeat(4)).unwrap();
        assert_eq!(name, "vb0123456789ab");
        assert!(is_ours(&name) && !is_ours("eth0") && !is_ours("vbox0"));
    }

    #[test]
    fn the_ethernet_address_is_dockers_for_the_ip() {
        assert_eq!(MacAddress::of(Ipv4Addr::new(172, 17, 0, 2)).to_string(), "02:42:ac:11:00:02");
    }
}
