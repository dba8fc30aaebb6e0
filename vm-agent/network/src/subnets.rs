//! Which subnet a new network gets. Pure.

use crate::{Error, address::bits};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A block of addresses that is cut into subnets of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubnetPool {
    base: IpNet,
    size: u8,
}

impl SubnetPool {
    /// Subnets of `size` bits of prefix out of `base`.
    ///
    /// # Errors
    /// [`Error::BadPool`] when they are larger than the whole, or have no room for a gateway and a container.
    pub fn new(base: IpNet, size: u8) -> Result<Self, Error> {
        if base.prefix_len() == 0 || size < base.prefix_len() || size > base.max_prefix_len() - 2 {
            return Err(Error::BadPool { base, size });
        }
        Ok(Self { base: base.trunc(), size })
    }

    /// The first subnet that meets none of `taken`.
    fn first_free(&self, taken: &[IpNet]) -> Option<IpNet> {
        let step = 1_u128 << (self.base.max_prefix_len() - self.size);
        let last = bits(self.base.broadcast());
        let mut candidate = bits(self.base.network());
        loop {
            let subnet = self.at(candidate)?;
            let Some(met) = taken.iter().find(|taken| overlap(subnet, **taken)) else { return Some(subnet) };
            // Behind the larger one of the two: a wide one is left behind in one step.
            let end = bits(met.broadcast()).max(bits(subnet.broadcast()));
            candidate = (end / step).checked_add(1)?.checked_mul(step)?;
            if candidate > last {
                return None;
            }
        }
    }

    fn at(&self, bits: u128) -> Option<IpNet> {
        Some(match self.base {
            IpNet::V4(_) => Ipv4Net::new(Ipv4Addr::from_bits(u32::try_from(bits).ok()?), self.size).ok()?.into(),
            IpNet::V6(_) => Ipv6Net::new(Ipv6Addr::from_bits(bits), self.size).ok()?.into(),
        })
    }
}

/// The pools of both families, in the order they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetPools(Vec<SubnetPool>);

impl SubnetPools {
    /// These pools, and docker's for a family that has none among them. The IPv6 one is the engine's own: a unique local
    /// prefix (RFC 4193) made of `seed`.
    #[must_use]
    pub fn new(own: Vec<SubnetPool>, seed: [u8; 5]) -> Self {
        let mut pools = own;
        let has = |pools: &[SubnetPool], v6: bool| pools.iter().any(|pool| is_v6(pool.base) == v6);
        if !has(&pools, false) {
            pools.extend((17..=31).map(|n| SubnetPool { base: v4([172, n, 0, 0], 16), size: 16 }));
            pools.push(SubnetPool { base: v4([192, 168, 0, 0], 16), size: 20 });
        }
        if !has(&pools, true) {
            let [a, b, c, d, e] = seed.map(u16::from);
            let prefix = Ipv6Addr::new(0xfd00 | a, (b << 8) | c, (d << 8) | e, 0, 0, 0, 0, 0);
            pools.push(SubnetPool { base: Ipv6Net::new_assert(prefix, 48).into(), size: 64 });
        }
        Self(pools)
    }

    /// A subnet that meets none of `taken`; `None` when there is none.
    #[must_use]
    pub fn choose(&self, v6: bool, taken: &[IpNet]) -> Option<IpNet> {
        self.0.iter().filter(|pool| is_v6(pool.base) == v6).find_map(|pool| pool.first_free(taken))
    }

    /// Whether a subnet is one that could be chosen.
    #[must_use]
    pub fn holds(&self, subnet: IpNet) -> bool {
        self.0.iter().any(|pool| pool.base.contains(&subnet) && pool.size == subnet.prefix_len())
    }
}

/// Whether two subnets have an address in common.
#[must_use]
pub fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

fn is_v6(subnet: IpNet) -> bool {
    matches!(subnet, IpNet::V6(_))
}

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn dockers() -> SubnetPools {
        SubnetPools::new(vec![], [0x12, 0x34, 0x56, 0x78, 0x9a])
    }

    #[test]
    fn networks_get_dockers_subnets_in_dockers_order() {
        let mut taken = Vec::new();
        for _ in 0..31 {
            taken.extend(dockers().choose(false, &taken));
        }
        let shown: Vec<String> = taken.iter().map(ToString::to_string).collect();
        assert_eq!(shown[..2], ["172.17.0.0/16", "172.18.0.0/16"]);
        assert_eq!(shown[14..17], ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]);
        assert_eq!((shown.len(), shown[30].as_str()), (31, "192.168.240.0/20"));
        assert_eq!(dockers().choose(false, &taken), None);
        assert!(taken.iter().all(|subnet| dockers().holds(*subnet)) && !dockers().holds(net("10.0.0.0/16")));
    }

    #[test]
    fn an_ipv6_subnet_is_of_the_engines_own_prefix() {
        let first = dockers().choose(true, &[]).unwrap();
        assert_eq!(first, net("fd12:3456:789a::/64"));
        assert_eq!(dockers().choose(true, &[first]), Some(net("fd12:3456:789a:1::/64")));
    }

    #[test]
    fn a_wide_route_is_avoided_wholly_and_at_once() {
        let vpn = [net("172.16.0.0/12"), net("192.168.0.0/17"), net("0.0.0.0/32")];
        assert_eq!(dockers().choose(false, &vpn), Some(net("192.168.128.0/20")));
        let huge = SubnetPools::new(vec![SubnetPool::new(net("10.0.0.0/8"), 30).unwrap()], [0; 5]);
        assert_eq!(huge.choose(false, &[net("10.0.0.0/9"), net("10.200.0.1/32")]), Some(net("10.128.0.0/30")));
        assert_eq!(huge.choose(false, &[net("10.0.0.0/8")]), None);
        assert!(huge.choose(true, &[]).is_some(), "the other family keeps docker's");
        let end = SubnetPools::new(vec![SubnetPool::new(net("ffff:ffff:ffff:ffff::/64"), 64).unwrap()], [0; 5]);
        assert_eq!(end.choose(true, &[net("ffff::/16")]), None);
    }

    #[test]
    fn a_pool_that_cannot_be_cut_is_refused() {
        for (base, size) in [("10.0.0.0/16", 8), ("10.0.0.0/8", 31), ("0.0.0.0/0", 8), ("fd00::/48", 127)] {
            assert!(SubnetPool::new(net(base), size).is_err(), "{base} {size}");
        }
        SubnetPool::new(net("10.0.0.0/24"), 24).unwrap();
    }

    proptest! {
        #[test]
        fn what_is_chosen_meets_nothing_that_is_taken(
            taken in proptest::collection::vec((any::<[u8; 2]>(), 9_u8..=32), 0..20),
        ) {
            let taken: Vec<IpNet> =
                taken.into_iter().map(|([a, b], prefix)| v4([172, 16 | a, b, 0], prefix).trunc()).collect();
            match dockers().choose(false, &taken) {
                Some(chosen) => prop_assert!(taken.iter().all(|taken| !overlap(chosen, *taken))),
                None => prop_assert!(false, "192.168 is free"),
            }
        }
    }
}
