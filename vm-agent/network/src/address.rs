//! Which addresses of a subnet are taken. Pure: no clock, no file, no socket.

use crate::Error;
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The addresses of one subnet. The lowest free one is given, as docker does, so that the first container has `.2`.
#[derive(Clone, Debug)]
pub struct AddressPool {
    subnet: IpNet,
    /// What a host may have.
    hosts: (u128, u128),
    /// What is given to who asks for none in particular.
    given: (u128, u128),
    taken: BTreeSet<u128>,
}

impl AddressPool {
    /// A pool in which nothing is taken. Addresses that nobody asks for come from `range`, when there is one.
    ///
    /// # Errors
    /// [`Error::BadSubnet`] when the subnet or its range has no address for a host.
    pub fn new(subnet: IpNet, range: Option<IpNet>) -> Result<Self, Error> {
        let hosts = hosts(subnet);
        let given = match range {
            Some(range) => (bits(range.network()).max(hosts.0), bits(range.broadcast()).min(hosts.1)),
            None => hosts,
        };
        if subnet.prefix_len() == 0 || given.0 > given.1 {
            return Err(Error::BadSubnet(range.unwrap_or(subnet)));
        }
        Ok(Self { subnet: subnet.trunc(), hosts, given, taken: BTreeSet::new() })
    }

    /// The subnet.
    #[must_use]
    pub const fn subnet(&self) -> IpNet {
        self.subnet
    }

    /// Takes the lowest free address.
    ///
    /// # Errors
    /// [`Error::Exhausted`].
    pub fn allocate(&mut self) -> Result<IpAddr, Error> {
        let (mut candidate, last) = self.given;
        for taken in self.taken.range(candidate..=last) {
            if *taken != candidate {
                break;
            }
            candidate += 1;
        }
        if candidate > last {
            return Err(Error::Exhausted(self.subnet));
        }
        self.taken.insert(candidate);
        Ok(self.address(candidate))
    }

    /// Takes this address.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::AddressTaken`].
    pub fn claim(&mut self, address: IpAddr) -> Result<(), Error> {
        if !self.holds(address) {
            return Err(Error::OutOfRange(address));
        }
        if self.taken.insert(bits(address)) { Ok(()) } else { Err(Error::AddressTaken(address)) }
    }

    /// Gives an address back. One that is free already stays so.
    pub fn release(&mut self, address: IpAddr) {
        if self.subnet.contains(&address) {
            self.taken.remove(&bits(address));
        }
    }

    /// Whether a host may have this address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.subnet.contains(&address) && (self.hosts.0..=self.hosts.1).contains(&bits(address))
    }

    /// How many addresses are taken, and how many are left for those who ask for none in particular.
    #[must_use]
    pub fn usage(&self) -> (u128, u128) {
        let (first, last) = self.given;
        let given = self.taken.range(first..=last).count() as u128;
        (self.taken.len() as u128, (last - first).saturating_add(1) - given)
    }

    fn address(&self, bits: u128) -> IpAddr {
        match self.subnet {
            IpNet::V4(_) => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
            IpNet::V6(_) => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

/// The first and the last address that a host may have.
fn hosts(subnet: IpNet) -> (u128, u128) {
    let (first, last) = (bits(subnet.network()), bits(subnet.broadcast()));
    match subnet {
        // RFC 3021: a link of two has no broadcast address.
        IpNet::V4(v4) if v4.prefix_len() >= 31 => (first, last),
        IpNet::V4(_) => (first + 1, last - 1),
        IpNet::V6(v6) if v6.prefix_len() >= 127 => (first, last),
        // The first one is every router's (RFC 4291, 2.6.1).
        IpNet::V6(_) => (first + 1, last),
    }
}

pub(crate) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Allocate,
        Release(usize),
        Claim(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![3 => Just(Step::Allocate), 2 => any::<usize>().prop_map(Step::Release), 1 => any::<u8>().prop_map(Step::Claim)]
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn pool(subnet: &str, range: Option<&str>) -> Result<AddressPool, Error> {
        AddressPool::new(subnet.parse().unwrap(), range.map(|range| range.parse().unwrap()))
    }

    proptest! {
        #[test]
        fn no_address_is_given_twice_and_none_is_lost(
            v6 in any::<bool>(),
            steps in proptest::collection::vec(step(), 0..200),
        ) {
            let at = |n: u8| if v6 { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n.into()]) } else { [10, 0, 0, n].into() };
            let mut pool = pool(if v6 { "fd00::/124" } else { "10.0.0.0/28" }, None).unwrap();
            let last = if v6 { 15 } else { 14 };
            let mut held: Vec<IpAddr> = Vec::new();
            for step in steps {
                match step {
                    Step::Allocate => match pool.allocate() {
                        Ok(address) => {
                            prop_assert!(!held.contains(&address) && pool.holds(address));
                            held.push(address);
                        }
                        Err(_) => prop_assert_eq!(held.len(), usize::from(last)),
                    },
                    Step::Release(n) if !held.is_empty() => {
                        let address = held.swap_remove(n % held.len());
                        pool.release(address);
                    }
                    Step::Release(_) => {}
                    Step::Claim(n) => {
                        let free = n > 0 && n <= last && !held.contains(&at(n));
                        prop_assert_eq!(pool.claim(at(n)).is_ok(), free);
                        if free {
                            held.push(at(n));
                        }
                    }
                }
                prop_assert_eq!(pool.usage(), (held.len() as u128, u128::from(last) - held.len() as u128));
            }
        }
    }

    #[test]
    fn the_first_container_gets_dockers_first_address() {
        for (subnet, gateway, first, second) in [
            ("172.17.0.0/16", "172.17.0.1", "172.17.0.2", "172.17.0.3"),
            ("fd00:1::/64", "fd00:1::1", "fd00:1::2", "fd00:1::3"),
        ] {
            let mut pool = pool(subnet, None).unwrap();
            assert_eq!(pool.allocate().unwrap(), ip(gateway));
            assert_eq!(pool.allocate().unwrap(), ip(first));
            assert_eq!(pool.allocate().unwrap(), ip(second));
            pool.release(ip(first));
            assert_eq!(pool.allocate().unwrap(), ip(first));
        }
    }

    #[test]
    fn a_range_bounds_what_is_given_and_not_what_is_asked_for() {
        let mut pool = pool("10.0.0.0/24", Some("10.0.0.128/30")).unwrap();
        pool.claim(ip("10.0.0.7")).unwrap();
        for n in 128..=131 {
            assert_eq!(pool.allocate().unwrap(), IpAddr::from([10, 0, 0, n]));
        }
        assert!(matches!(pool.allocate(), Err(Error::Exhausted(_))));
        assert_eq!(pool.usage(), (5, 0));
        assert!(matches!(pool.claim(ip("10.0.1.7")), Err(Error::OutOfRange(_))));
        assert!(matches!(pool.claim(ip("10.0.0.255")), Err(Error::OutOfRange(_))));
        assert!(matches!(pool.claim(ip("10.0.0.7")), Err(Error::AddressTaken(_))));
        assert!(matches!(pool.claim(ip("fd00::1")), Err(Error::OutOfRange(_))));
    }

    #[test]
    fn small_and_huge_subnets_are_what_they_are() {
        assert_eq!(pool("10.0.0.0/31", None).unwrap().usage(), (0, 2));
        assert_eq!(pool("10.0.0.4/32", None).unwrap().allocate().unwrap(), ip("10.0.0.4"));
        assert_eq!(pool("fd00::/64", None).unwrap().usage(), (0, (1 << 64) - 1));
        assert!(pool("0.0.0.0/0", None).is_err() && pool("::/0", None).is_err());
        assert!(pool("10.0.0.0/24", Some("10.0.0.0/32")).is_err(), "the network's own address is nobody's");
    }
}
