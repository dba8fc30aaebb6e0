//! Subnets that meet nothing else: neither other networks, nor what the host reaches by a route of its own.

use super::Engine;
use crate::{
    Error, Result,
    network::{IpNet, NetworkRow, Subnet},
};
use std::{collections::BTreeMap, sync::Arc};

impl Engine {
    /// The host's routed subnets, such as a VPN's, as they are from now on. A network of a subnet that the engine chose
    /// gets another one at its next use; one that containers are on keeps it, and a warning is told.
    pub fn avoid(&self, routed: Vec<IpNet>) {
        *self.inner.routed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = routed;
        for row in self.inner.networks.all() {
            let Some((subnet, route)) = self.collision(&row) else { continue };
            let name = &row.name;
            if !self.inner.networks.is_empty(&row.id) {
                tracing::warn!(
                    "the network {name} has the subnet {subnet} and the host has a route to {route}: its containers cannot reach what is there; stop them, and it gets another subnet"
                );
            } else if !row.subnets.iter().any(|other| other.subnet == subnet && other.automatic) {
                tracing::warn!(
                    "the network {name} was made with the subnet {subnet} and the host has a route to {route}: containers on it cannot reach what is there; make the network with another subnet"
                );
            }
        }
    }

    /// A subnet for a network; `except` is the one that it replaces.
    pub(super) fn choose_subnet(&self, v6: bool, except: &str) -> Result<Subnet> {
        let mut taken = self.inner.networks.subnets(except);
        taken.extend(self.to_avoid());
        let chosen = self.inner.pools.choose(v6, &taken).ok_or_else(|| {
            Error::InvalidParameter(
                "all predefined address pools have been fully subnetted: remove a network, or give this one a subnet (--subnet)"
                    .to_owned(),
            )
        })?;
        Ok(Subnet {
            subnet: chosen,
            range: None,
            gateway: None,
            auxiliary: BTreeMap::new(),
            automatic: true,
            usage: (0, 0),
        })
    }

    /// A network before a container comes to it: with other subnets, when nobody is on it and those that the engine
    /// chose for it meet the host's routes by now, or are none that it would choose.
    pub(super) async fn settled(&self, row: Arc<NetworkRow>) -> Result<Arc<NetworkRow>> {
        let stale = |subnet: &Subnet| {
            subnet.automatic && (!self.inner.pools.holds(subnet.subnet) || self.meets(subnet.subnet).is_some())
        };
        if !row.subnets.iter().any(stale) || !self.inner.networks.is_empty(&row.id) {
            return Ok(row);
        }
        let _one_at_a_time = self.inner.networks_change.lock().await;
        let mut moved = (*row).clone();
        for subnet in moved.subnets.iter_mut().filter(|subnet| stale(subnet)) {
            let v6 = matches!(subnet.subnet, IpNet::V6(_));
            match self.choose_subnet(v6, &row.id) {
                Ok(chosen) => *subnet = chosen,
                // Better a network that cannot reach everything than none.
                Err(e) => tracing::warn!("the network {} keeps the subnet {}: {e}", row.name, subnet.subnet),
            }
        }
        if moved.subnets == row.subnets {
            return Ok(row);
        }
        let Some(moved) = self.inner.networks.move_to(moved)? else { return Ok(row) };
        if let Err(e) = self.inner.store.keep_network(&moved).await {
            tracing::warn!("the new subnet of {} is forgotten at the next start: {e}", row.name);
        }
        let subnets: Vec<String> = moved.subnets.iter().map(|subnet| subnet.subnet.to_string()).collect();
        tracing::info!("the network {} has the subnets {} from now on", row.name, subnets.join(", "));
        self.tell_of_network(&moved, "update", &[("subnets", &subnets.join(","))]);
        Ok(moved)
    }

    /// A subnet of a network and the route that it meets.
    fn collision(&self, row: &NetworkRow) -> Option<(IpNet, IpNet)> {
        row.subnets.iter().find_map(|subnet| Some((subnet.subnet, self.meets(subnet.subnet)?)))
    }

    fn meets(&self, subnet: IpNet) -> Option<IpNet> {
        self.to_avoid().into_iter().find(|route| berth_network::overlap(*route, subnet))
    }

    /// The host's routes and the machine's own uplink.
    fn to_avoid(&self) -> Vec<IpNet> {
        let routed = self.inner.routed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A route to everything, in one or two halves, is no network of its own.
        routed.iter().copied().filter(|route| route.prefix_len() > 1).chain(self.way_out_subnet()).collect()
    }

    /// The network between the machine and the host.
    pub(super) fn way_out_subnet(&self) -> Option<IpNet> {
        let uplink = self.uplink();
        IpNet::new(uplink.address, uplink.prefix).ok().map(|net| net.trunc())
    }
}
