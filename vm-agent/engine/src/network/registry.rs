//! Which networks there are, and who is on each with which addresses. In memory; locked for moments only.

use super::{BUILT_IN, NetworkRow, address_refused};
use crate::{Error, Result};
use berth_network::{AddressPool, IpNet};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// All networks.
#[derive(Default)]
pub(crate) struct Registry {
    known: Mutex<BTreeMap<String, Known>>,
}

struct Known {
    row: Arc<NetworkRow>,
    pools: Vec<AddressPool>,
    /// Running containers on it, by id.
    places: BTreeMap<String, Place>,
}

/// The addresses that a container has on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) v4: Option<(Ipv4Addr, u8)>,
    pub(crate) v6: Option<(Ipv6Addr, u8)>,
}

/// The addresses that a container wants.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
}

impl Known {
    /// A network with nobody on it. A gateway that is not given is the first address there is.
    fn new(mut row: NetworkRow) -> Result<Self> {
        let (name, id) = (row.name.clone(), row.id.clone());
        let refused = |e: berth_network::Error| address_refused(&e, &name, &id);
        let mut pools = Vec::new();
        for subnet in &mut row.subnets {
            let mut pool = AddressPool::new(subnet.subnet, subnet.range).map_err(refused)?;
            for address in subnet.auxiliary.values().copied().chain(subnet.gateway) {
                pool.claim(address).map_err(refused)?;
            }
            if subnet.gateway.is_none() {
                subnet.gateway = Some(pool.allocate().map_err(refused)?);
            }
            pools.push(pool);
        }
        Ok(Self { row: Arc::new(row), pools, places: BTreeMap::new() })
    }

    fn shown(&self) -> NetworkRow {
        let mut row = (*self.row).clone();
        for (subnet, pool) in row.subnets.iter_mut().zip(&self.pools) {
            subnet.usage = pool.usage();
        }
        row
    }

    fn take(&mut self, asked: Asked) -> Result<Place> {
        let row = self.row.clone();
        let refused = |e: berth_network::Error| address_refused(&e, &row.name, &row.id);
        let mut place = Place::default();
        let taken = [(asked.v4.map(IpAddr::V4), false), (asked.v6.map(IpAddr::V6), true)].into_iter().try_for_each(
            |(wanted, v6)| match self.one(wanted, v6).map_err(refused)? {
                Some((IpAddr::V4(address), prefix)) => {
                    place.v4 = Some((address, prefix));
                    Ok(())
                }
                Some((IpAddr::V6(address), prefix)) => {
                    place.v6 = Some((address, prefix));
                    Ok(())
                }
                None => Ok(()),
            },
        );
        if let Err(e) = taken {
            self.give_back(&place);
            return Err(e);
        }
        Ok(place)
    }

    /// An address of one family, where the network has any.
    fn one(&mut self, wanted: Option<IpAddr>, v6: bool) -> Result<Option<(IpAddr, u8)>, berth_network::Error> {
        let mut exhausted = None;
        for pool in self.pools.iter_mut().filter(|pool| matches!(pool.subnet(), IpNet::V6(_)) == v6) {
            let taken = match wanted {
                Some(address) => pool.claim(address).map(|()| address),
                None => pool.allocate(),
            };
            match taken {
                Ok(address) => return Ok(Some((address, pool.subnet().prefix_len()))),
                // Another subnet may have it.
                Err(e @ (berth_network::Error::Exhausted(_) | berth_network::Error::OutOfRange(_))) => {
                    exhausted = Some(e);
                }
                Err(e) => return Err(e),
            }
        }
        exhausted.map_or(Ok(None), Err)
    }

    fn give_back(&mut self, place: &Place) {
        let addresses = place.v4.map(|(v4, _)| v4.into()).into_iter().chain(place.v6.map(|(v6, _)| v6.into()));
        for address in addresses.collect::<Vec<IpAddr>>() {
            self.pools.iter_mut().for_each(|pool| pool.release(address));
        }
    }
}

impl Registry {
    /// Makes a network known, as it is kept: with its gateways.
    ///
    /// # Errors
    /// Docker's sentence when another has its name; addresses of it that make no sense.
    pub(crate) fn add(&self, row: NetworkRow) -> Result<Arc<NetworkRow>> {
        let fresh = Known::new(row)?;
        let mut known = self.lock();
        if known.values().any(|other| other.row.name == fresh.row.name) {
            return Err(Error::Conflict(format!("network with name {} already exists", fresh.row.name)));
        }
        let row = fresh.row.clone();
        known.insert(row.id.clone(), fresh);
        Ok(row)
    }

    /// Gives a network on which nobody is other subnets; whether nobody was.
    ///
    /// # Errors
    /// Subnets that make no sense.
    pub(crate) fn move_to(&self, row: NetworkRow) -> Result<Option<Arc<NetworkRow>>> {
        let fresh = Known::new(row)?;
        let mut known = self.lock();
        let Some(network) = known.get_mut(&fresh.row.id).filter(|network| network.places.is_empty()) else {
            return Ok(None);
        };
        *network = fresh;
        Ok(Some(network.row.clone()))
    }

    /// Forgets a network on which nobody is.
    ///
    /// # Errors
    /// The containers that are on it; that it is gone.
    pub(crate) fn remove(&self, id: &str) -> Result<Arc<NetworkRow>, Vec<String>> {
        let mut known = self.lock();
        let on_it: Vec<String> = known.get(id).map(|n| n.places.keys().cloned().collect()).unwrap_or_default();
        if !on_it.is_empty() {
            return Err(on_it);
        }
        known.remove(id).map(|network| network.row).ok_or_else(Vec::new)
    }

    /// The network of this id, name, or prefix of exactly one id.
    ///
    /// # Errors
    /// Docker's sentences.
    pub(crate) fn find(&self, given: &str) -> Result<Arc<NetworkRow>> {
        let known = self.lock();
        let missing = || Error::NoSuchNetwork(given.to_owned());
        if let Some(network) = known.get(given) {
            return Ok(network.row.clone());
        }
        if let Some(network) = known.values().find(|network| network.row.name == given) {
            return Ok(network.row.clone());
        }
        if given.is_empty() || given.len() > 64 {
            return Err(missing());
        }
        let matches: Vec<_> = known.range(given.to_owned()..).take_while(|(id, _)| id.starts_with(given)).collect();
        match matches.as_slice() {
            [] => Err(missing()),
            [(_, only)] => Ok(only.row.clone()),
            several => Err(Error::InvalidParameter(format!(
                "network {given} is ambiguous ({} matches found based on ID prefix)",
                several.len()
            ))),
        }
    }

    /// The network of this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<NetworkRow>> {
        self.lock().get(id).map(|network| network.row.clone())
    }

    /// All of them: docker's own first, then by age. With how their addresses are used.
    pub(crate) fn all(&self) -> Vec<NetworkRow> {
        let mut all: Vec<_> = self.lock().values().map(Known::shown).collect();
        all.sort_by_key(|row| {
            let place = BUILT_IN.iter().position(|name| *name == row.name).unwrap_or(BUILT_IN.len());
            (place, row.created, row.name.clone())
        });
        all
    }

    /// One of them, with how its addresses are used.
    pub(crate) fn shown(&self, id: &str) -> Option<NetworkRow> {
        self.lock().get(id).map(Known::shown)
    }

    /// The subnets of all networks but one.
    pub(crate) fn subnets(&self, except: &str) -> Vec<IpNet> {
        let known = self.lock();
        let others = known.iter().filter(|(id, _)| *id != except);
        others.flat_map(|(_, network)| network.row.subnets.iter().map(|subnet| subnet.subnet)).collect()
    }

    /// Whether no container is on a network.
    pub(crate) fn is_empty(&self, id: &str) -> bool {
        self.lock().get(id).is_none_or(|network| network.places.is_empty())
    }

    /// Puts a container on a network.
    ///
    /// # Errors
    /// Addresses that cannot be had; a network that is gone.
    pub(crate) fn enter(&self, id: &str, container: &str, asked: Asked) -> Result<Place> {
        let mut known = self.lock();
        let network = known.get_mut(id).ok_or_else(|| Error::NoSuchNetwork(id.to_owned()))?;
        if let Some(stale) = network.places.remove(container) {
            network.give_back(&stale);
        }
        let place = network.take(asked)?;
        network.places.insert(container.to_owned(), place.clone());
        Ok(place)
    }

    /// Takes a container off a network; one that is not on it is fine.
    pub(crate) fn leave(&self, id: &str, container: &str) {
        if let Some(network) = self.lock().get_mut(id)
            && let Some(place) = network.places.remove(container)
        {
            network.give_back(&place);
        }
    }

    /// Takes a container off every network.
    pub(crate) fn leave_all(&self, container: &str) {
        for network in self.lock().values_mut() {
            if let Some(place) = network.places.remove(container) {
                network.give_back(&place);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Timestamp,
        network::{Driver, Subnet},
    };

    fn row(id: &str, name: &str, subnets: &[&str]) -> NetworkRow {
        let subnet = |text: &&str| Subnet {
            subnet: text.parse().unwrap(),
            range: None,
            gateway: None,
            auxiliary: BTreeMap::new(),
            automatic: true,
            usage: (0, 0),
        };
        NetworkRow {
            id: id.to_owned(),
            name: name.to_owned(),
            created: Timestamp(0),
            driver: Driver::Bridge,
            subnets: subnets.iter().map(subnet).collect(),
            internal: false,
            attachable: false,
            ipam_options: BTreeMap::new(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    fn registry() -> Registry {
        let registry = Registry::default();
        for (id, name) in [("aa11", "front"), ("aa22", "back"), ("bb33", "aa")] {
            registry.add(row(id, name, &["10.0.0.0/29", "fd00::/64"])).unwrap();
        }
        registry
    }

    #[test]
    fn a_network_is_found_by_id_name_and_prefix() {
        let registry = registry();
        for (given, id) in [("aa11", "aa11"), ("front", "aa11"), ("b", "bb33"), ("aa", "bb33")] {
            assert_eq!(registry.find(given).unwrap().id, id, "{given}");
        }
        let said = registry.find("a").unwrap_err().to_string();
        assert_eq!(said, "network a is ambiguous (2 matches found based on ID prefix)");
        assert_eq!(registry.find("nope").unwrap_err().to_string(), "network nope not found");
        let said = registry.add(row("cc", "front", &[])).unwrap_err().to_string();
        assert_eq!(said, "network with name front already exists");
    }

    #[test]
    fn addresses_are_given_once_and_back() {
        let registry = registry();
        assert_eq!(registry.find("front").unwrap().subnets[0].gateway, Some([10, 0, 0, 1].into()));
        let first = registry.enter("aa11", "web", Asked::default()).unwrap();
        assert_eq!(first.v4, Some(([10, 0, 0, 2].into(), 29)));
        assert_eq!(first.v6, Some(("fd00::2".parse().unwrap(), 64)));
        let fixed = |n| Asked { v4: Some([10, 0, 0, n].into()), ..Asked::default() };
        let said = registry.enter("aa11", "db", fixed(2)).unwrap_err().to_string();
        assert_eq!(said, "Address already in use");
        assert_eq!(registry.enter("aa11", "db", Asked::default()).unwrap().v6, Some(("fd00::3".parse().unwrap(), 64)));
        assert_eq!(registry.remove("aa11").unwrap_err(), ["db", "web"]);
        assert_eq!(registry.enter("aa11", "web", fixed(6)).unwrap().v4, Some(([10, 0, 0, 6].into(), 29)));
        for n in 0..3 {
            registry.enter("aa11", &format!("more{n}"), Asked::default()).unwrap();
        }
        registry.enter("aa11", "last", Asked::default()).unwrap_err();
        assert!(registry.move_to(row("aa11", "front", &["10.1.0.0/24"])).unwrap().is_none());
        for container in ["web", "db", "more0", "more1", "more2"] {
            registry.leave_all(container);
        }
        assert!(registry.is_empty("aa11"));
        let moved = registry.move_to(row("aa11", "front", &["10.1.0.0/24"])).unwrap().unwrap();
        assert_eq!(moved.subnets[0].gateway, Some([10, 1, 0, 1].into()));
        assert_eq!(registry.enter("aa11", "web", Asked::default()).unwrap().v6, None);
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let registry = registry();
        let taken = registry.enter("aa11", "db", Asked { v6: Some("fd00::9".parse().unwrap()), v4: None });
        taken.unwrap();
        let both = Asked { v4: Some([10, 0, 0, 5].into()), v6: Some("fd00::9".parse().unwrap()) };
        registry.enter("aa11", "web", both).unwrap_err();
        registry.enter("aa11", "web", Asked { v6: None, ..both }).unwrap();
        let out = Asked { v4: Some([10, 9, 0, 5].into()), v6: None };
        let said = registry.enter("aa11", "x", out).unwrap_err().to_string();
        assert_eq!(said, "invalid address 10.9.0.5: It must belong to the network's subnet");
    }
}
