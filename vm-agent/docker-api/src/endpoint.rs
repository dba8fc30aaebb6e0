//! Docker's `EndpointSettings`, as a container is created with it and as it is connected with it.

use crate::error::{ApiError, Reply};
use berth_engine::container::EndpointSettings;
use serde::Deserialize;
use std::{collections::BTreeMap, net::IpAddr};

/// What is asked of a place on a network. What only the engine says of it is let pass.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct EndpointIn {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<IpamIn>,
    links: Option<Vec<String>>,
    aliases: Option<Vec<String>>,
    driver_opts: Option<BTreeMap<String, String>>,
    gw_priority: Option<i64>,
    mac_address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IpamIn {
    #[serde(rename = "IPv4Address")]
    v4: Option<String>,
    #[serde(rename = "IPv6Address")]
    v6: Option<String>,
    #[serde(rename = "LinkLocalIPs")]
    link_local: Option<Vec<String>>,
}

/// As the engine takes it.
///
/// # Errors
/// Addresses that are none.
pub(crate) fn read(asked: EndpointIn) -> Reply<EndpointSettings> {
    let ipam = asked.ipam_config.unwrap_or_default();
    if ipam.link_local.is_some_and(|addresses| !addresses.is_empty()) {
        return Err(ApiError::bad_request("LinkLocalIPs is not supported by Berth yet: leave it out"));
    }
    let wrong = |family: &str, text: &str| {
        ApiError::bad_request(format!("invalid endpoint settings:\ninvalid {family} address: {text}"))
    };
    let address = |family: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse::<IpAddr>().map(Some).map_err(|_| wrong(family, &text)),
    };
    let v4 = match address("IPv4", ipam.v4)? {
        Some(IpAddr::V6(v6)) => return Err(wrong("IPv4", &v6.to_string())),
        Some(IpAddr::V4(v4)) => Some(v4),
        None => None,
    };
    let v6 = match address("IPv6", ipam.v6)? {
        Some(IpAddr::V4(v4)) => return Err(wrong("IPv6", &v4.to_string())),
        Some(IpAddr::V6(v6)) => Some(v6),
        None => None,
    };
    Ok(EndpointSettings {
        v4,
        v6,
        mac: asked.mac_address.unwrap_or_default(),
        aliases: asked.aliases.unwrap_or_default(),
        links: asked.links.unwrap_or_default(),
        options: asked.driver_opts.unwrap_or_default(),
        gateway_priority: asked.gw_priority.unwrap_or_default(),
    })
}
