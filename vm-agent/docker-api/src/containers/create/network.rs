//! Which networks a request asks for. It is said in two places: `HostConfig.NetworkMode` and the keys of
//! `NetworkingConfig.EndpointsConfig`.

use super::host::HostIn;
use crate::{
    endpoint::{self, EndpointIn},
    error::{ApiError, Reply},
};
use berth_engine::container::{EndpointSettings, NetworkMode};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Docker's `NetworkingConfig`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct NetworkingIn {
    endpoints_config: Option<BTreeMap<String, Option<EndpointIn>>>,
}

/// The network mode.
pub(super) fn mode(host: &HostIn, disabled: bool) -> NetworkMode {
    match host.network_mode.as_deref().unwrap_or_default() {
        _ if disabled => NetworkMode::None,
        "" | "default" => NetworkMode::Default,
        "bridge" => NetworkMode::Bridge,
        "none" => NetworkMode::None,
        "host" => NetworkMode::Host,
        other => match other.strip_prefix("container:").filter(|name| !name.is_empty()) {
            Some(name) => NetworkMode::Container(name.to_owned()),
            None => NetworkMode::Named(other.to_owned()),
        },
    }
}

/// The networks by the names that the client has for them. The Ethernet address that older clients give the container is
/// that of its place on the network of the mode.
///
/// # Errors
/// Settings that make no sense.
pub(super) fn endpoints(
    networking: Option<NetworkingIn>,
    mode: &NetworkMode,
    mac_address: Option<String>,
) -> Reply<BTreeMap<String, EndpointSettings>> {
    let asked = networking.and_then(|networking| networking.endpoints_config).unwrap_or_default();
    let read = |(name, asked): (String, Option<EndpointIn>)| Ok((name, endpoint::read(asked.unwrap_or_default())?));
    let mut endpoints = asked.into_iter().map(read).collect::<Reply<BTreeMap<_, _>>>()?;
    let Some(mac) = mac_address.filter(|mac| !mac.is_empty()) else { return Ok(endpoints) };
    let own = match mode {
        NetworkMode::Default | NetworkMode::Bridge => "bridge",
        NetworkMode::Named(name) => name,
        NetworkMode::None | NetworkMode::Host | NetworkMode::Container(_) => {
            return Err(ApiError::bad_request("conflicting options: mac-address and the network mode"));
        }
    };
    let key = if endpoints.contains_key("default") { "default" } else { own };
    let endpoint = endpoints.entry(key.to_owned()).or_default();
    if !endpoint.mac.is_empty() && endpoint.mac != mac {
        return Err(ApiError::bad_request(
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
        ));
    }
    endpoint.mac = mac;
    Ok(endpoints)
}
