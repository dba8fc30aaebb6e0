//! Which network a request asks for. It is said in two places: `HostConfig.NetworkMode` and the keys of
//! `NetworkingConfig.EndpointsConfig`.

use super::{host::HostIn, not_supported};
use crate::error::{ApiError, Reply};
use berth_engine::container::NetworkMode;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Docker's `NetworkingConfig`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct NetworkingIn {
    endpoints_config: Option<BTreeMap<String, Option<EndpointIn>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct EndpointIn {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<IpamIn>,
    aliases: Option<Vec<String>>,
    mac_address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IpamIn {
    #[serde(rename = "IPv4Address")]
    v4: Option<String>,
    #[serde(rename = "IPv6Address")]
    v6: Option<String>,
}

/// The network mode. A network that the engine may not have is handed on by its name, so that the engine says so.
///
/// # Errors
/// Settings of an endpoint that only other networks have; the first two texts are docker's.
pub(super) fn mode(
    host: &HostIn,
    networking: Option<NetworkingIn>,
    disabled: bool,
    mac_address: &Option<String>,
) -> Reply<NetworkMode> {
    let mode = match host.network_mode.as_deref().unwrap_or_default() {
        _ if disabled => NetworkMode::None,
        "" | "default" => NetworkMode::Default,
        "bridge" => NetworkMode::Bridge,
        "none" => NetworkMode::None,
        "host" => NetworkMode::Host,
        other => {
            return Ok(match other.strip_prefix("container:").filter(|name| !name.is_empty()) {
                Some(name) => NetworkMode::Container(name.to_owned()),
                None => NetworkMode::Other(other.to_owned()),
            });
        }
    };
    let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    for (name, endpoint) in networking.and_then(|networking| networking.endpoints_config).unwrap_or_default() {
        if !matches!(name.as_str(), "default" | "bridge" | "none" | "host") {
            return Ok(NetworkMode::Other(name));
        }
        let endpoint = endpoint.unwrap_or_default();
        if endpoint.ipam_config.is_some_and(|ipam| set(&ipam.v4) || set(&ipam.v6)) {
            return Err(ApiError::bad_request(
                "invalid endpoint settings: user specified IP address is supported on user defined networks only",
            ));
        }
        if endpoint.aliases.is_some_and(|aliases| !aliases.is_empty()) {
            return Err(ApiError::bad_request(
                "invalid endpoint settings: network-scoped aliases are only supported for user-defined networks",
            ));
        }
        if set(&endpoint.mac_address) {
            return Err(not_supported("MacAddress"));
        }
    }
    if set(mac_address) {
        return Err(not_supported("MacAddress"));
    }
    Ok(mode)
}
