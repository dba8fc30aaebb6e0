//! Which addresses of a subnet are taken. Pure: no clock, no file, no socket.

use crate::Error;
use std::{collections::BTreeSet, fmt, net::Ipv4Addr};

/// An IPv4 subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    base: u32,
    prefix: u8,
}

impl Subnet {
    /// The subnet that `address` is in.
    ///
    /// # Errors
    /// [`Error::BadSubnet`] unless the prefix is 8 to 30 bits, which leaves room for a gateway and a container.
    pub fn containing(address: Ipv4Addr, prefix: u8) -> Result<Self, Error> {
        if !(8..=30).contains(&prefix) {
            return Err(Error::BadSubnet { gateway: address, prefix });
        }
        Ok(Self { base: address.to_bits() & (u32::MAX << (32 - u32::from(prefix))), prefix })
    }

    /// The network's own address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base)
    }

    /// Bits of the prefix.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The last address, which reaches every host.
    #[must_use]
    pub const fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base | (u32::MAX >> self.prefix))
    }

    /// Whether a host may have this address.
    #[must_use]
    pub const fn holds_host(&self, address: Ipv4Addr) -> bool {
        let bits = address.to_bits();
        bits > self.base && bits < self.broadcast().to_bits()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.prefix)
    }
}

/// The addresses of one subnet. The lowest free one is given, as docker does, so that the first container has `.2`.
#[derive(Clone, Debug)]
pub struct AddressPool {
    subnet: Subnet,
    taken: BTreeSet<u32>,
}

impl AddressPool {
    /// A pool in which only the gateway is taken.
    ///
    /// # Errors
    /// [`Error::BadSubnet`].
    pub fn new(gateway: Ipv4Addr, prefix: u8) -> Result<Self, Error> {
        let subnet = Subnet::containing(gateway, prefix)?;
        if !subnet.holds_host(gateway) {
            return Err(Error::BadSubnet { gateway, prefix });
        }
        Ok(Self { subnet, taken: BTreeSet::from([gateway.to_bits()]) })
    }

    /// The subnet.
    #[must_use]
    pub const fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// Takes the lowest free address.
    ///
    /// # Errors
    /// [`Error::Exhausted`].
    pub fn allocate(&mut self) -> Result<Ipv4Addr, Error> {
        let mut candidate = self.subnet.base + 1;
        for taken in &self.taken {
            if *taken != candidate {
                break;
            }
            candidate += 1;
        }
        let address = Ipv4Addr::from_bits(candidate);
        if !self.subnet.holds_host(address) {
            return Err(Error::Exhausted(self.subnet));
        }
        self.taken.insert(candidate);
        Ok(address)
    }

    /// Takes this address, which a container has already.
    ///
    /// # Errors
    /// [`Error::AddressTaken`] when another has it or the subnet has it not.
    pub fn claim(&mut self, address: Ipv4Addr) -> Result<(), Error> {
        if self.subnet.holds_host(address) && self.taken.insert(address.to_bits()) {
            Ok(())
        } else {
            Err(Error::AddressTaken(address))
        }
    }

    /// Gives an address back. One that is free already stays so.
    pub fn release(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address.to_bits());
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

    proptest! {
        #[test]
        fn no_address_is_given_twice_and_none_is_lost(steps in proptest::collection::vec(step(), 0..200)) {
            let gateway = Ipv4Addr::new(10, 0, 0, 1);
            let mut pool = AddressPool::new(gateway, 28).unwrap();
            let mut held: Vec<Ipv4Addr> = Vec::new();
            for step in steps {
                match step {
                    Step::Allocate => match pool.allocate() {
                        Ok(address) => {
                            prop_assert!(!held.contains(&address) && address != gateway);
                            prop_assert!(pool.subnet().holds_host(address));
                            held.push(address);
                        }
                        Err(_) => prop_assert_eq!(held.len(), 13),
                    },
                    Step::Release(n) if !held.is_empty() => {
                        let address = held.swap_remove(n % held.len());
                        pool.release(address);
                    }
                    Step::Release(_) => {}
                    Step::Claim(n) => {
                        let address = Ipv4Addr::new(10, 0, 0, n);
                        let free = n > 1 && n < 15 && !held.contains(&address);
                        prop_assert_eq!(pool.claim(address).is_ok(), free);
                        if free {
                            held.push(address);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_container_gets_dockers_first_address() {
        let mut pool = AddressPool::new(Ipv4Addr::new(172, 17, 0, 1), 16).unwrap();
        assert_eq!(pool.allocate().unwrap(), Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(pool.allocate().unwrap(), Ipv4Addr::new(172, 17, 0, 3));
        pool.release(Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(pool.allocate().unwrap(), Ipv4Addr::new(172, 17, 0, 2));
    }

    #[test]
    fn a_subnet_without_room_is_refused() {
        assert!(AddressPool::new(Ipv4Addr::new(10, 0, 0, 1), 31).is_err());
        assert!(AddressPool::new(Ipv4Addr::new(10, 0, 0, 0), 24).is_err());
        assert!(AddressPool::new(Ipv4Addr::new(10, 0, 0, 255), 24).is_err());
    }
}
