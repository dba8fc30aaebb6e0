//! Registry names to addresses, without the C library: the guest's programs are static, and the static C library
//! cannot look names up.

use crate::{ImageError, NetworkConfig, Result};
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// Asks the configured resolvers.
#[derive(Clone)]
pub(super) struct Names {
    resolver: Option<TokioResolver>,
    /// For messages, as Go writes it: ` on 10.0.2.3:53`.
    servers: Arc<str>,
}

/// A name without an address. The text is Go's.
#[derive(Debug, thiserror::Error)]
#[error("lookup {name}{servers}: {why}")]
pub(super) struct LookupError {
    name: String,
    servers: Arc<str>,
    why: String,
}

impl Names {
    pub(super) fn new(network: &NetworkConfig) -> Result<Self> {
        let servers = network.dns.first().map_or_else(String::new, |ip| format!(" on {}", SocketAddr::new(*ip, 53)));
        let servers: Arc<str> = servers.into();
        if network.dns.is_empty() {
            return Ok(Self { resolver: None, servers });
        }
        let name_servers = network.dns.iter().copied().map(NameServerConfig::udp_and_tcp).collect();
        let config = ResolverConfig::from_name_servers(name_servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|e| ImageError::Internal(format!("resolver: {e}")))?;
        Ok(Self { resolver: Some(resolver), servers })
    }

    /// The addresses of a host.
    pub(super) async fn lookup(&self, name: &str) -> std::result::Result<Vec<IpAddr>, LookupError> {
        let fail = |why: String| LookupError { name: name.to_owned(), servers: self.servers.clone(), why };
        if name == "localhost" {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let Some(resolver) = &self.resolver else { return Err(fail("no resolver is configured".into())) };
        // The final dot keeps the name from being tried below any search domain.
        let absolute = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
        match resolver.lookup_ip(absolute).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_no_records_found() => Err(fail("no such host".into())),
            Err(error) => Err(fail(error.to_string())),
        }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = names.lookup(name.as_str()).await?;
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}
