//! Options of `run` and `create` about what a container is on its network.

use crate::failure::{Failure, invalid};
use berth_api::run::{Endpoint, endpoint};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct EndpointOptions {
    /// Its address on its network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// Its IPv6 address on its network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<String>,
    /// Its link-local addresses
    #[arg(long, value_name = "ADDRESS")]
    link_local_ip: Vec<String>,
    /// Its hardware address, such as 92:d0:c6:0a:29:33
    #[arg(long, value_name = "ADDRESS")]
    mac_address: Option<String>,
    /// Another name of it on its network
    #[arg(long, visible_alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
}

impl EndpointOptions {
    /// As the engine is asked.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(super) fn read(&self, network: Option<&str>) -> Result<Endpoint, Failure> {
        let own = network.is_some_and(|name| {
            !matches!(name, "" | "default" | "bridge" | "none" | "host") && !name.starts_with("container:")
        });
        if !self.network_alias.is_empty() && !own {
            return Err(invalid("network-scoped aliases are only supported for user-defined networks"));
        }
        Ok(Endpoint {
            ip: self.ip.clone(),
            ip6: self.ip6.clone(),
            link_local_ips: self.link_local_ip.clone(),
            mac: self.mac_address.as_deref().map(endpoint::mac).transpose()?,
            aliases: self.network_alias.clone(),
        })
    }
}
