//! What the engine keeps of a network.

use super::{BUILT_IN, Driver, Subnet};
use crate::{Result, Timestamp};
use berth_network::{IpNet, NetworkPlan, PlannedSubnet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One network as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) driver: Driver,
    /// IPv4 first.
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) internal: bool,
    pub(crate) attachable: bool,
    pub(crate) ipam_options: BTreeMap<String, String>,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl NetworkRow {
    /// It is always there.
    pub(crate) fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.name.as_str())
    }

    /// Whether a container on it has addresses.
    pub(crate) fn has_addresses(&self) -> bool {
        !matches!(self.driver, Driver::Host | Driver::Null)
    }

    /// Has a subnet of this family.
    pub(crate) fn has(&self, v6: bool) -> bool {
        self.subnets.iter().any(|subnet| matches!(subnet.subnet, IpNet::V6(_)) == v6)
    }

    /// What the kernel is told; `None` for a network that it has anyway.
    ///
    /// # Errors
    /// Options that make no sense.
    pub(crate) fn plan(&self) -> Result<Option<NetworkPlan>> {
        let Some((kind, mtu)) = super::plan_driver(self)? else { return Ok(None) };
        let planned = |subnet: &Subnet| PlannedSubnet { subnet: subnet.subnet, gateway: subnet.gateway };
        Ok(Some(NetworkPlan {
            id: self.id.clone(),
            kind,
            subnets: self.subnets.iter().map(planned).collect(),
            internal: self.internal,
            mtu,
        }))
    }
}
