//! What a container is on its network: addresses and names of its own. Which of them a network has is the engine's to
//! say.

use crate::error::Error;
use bollard::models::{EndpointIpamConfig, EndpointSettings, NetworkingConfig};
use serde::{Deserialize, Serialize};

/// What is asked for; `Default` leaves all of it to the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// Its address.
    pub ip: Option<String>,
    /// Its IPv6 address.
    pub ip6: Option<String>,
    /// Its link-local addresses.
    pub link_local_ips: Vec<String>,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its names besides its own.
    pub aliases: Vec<String>,
}

/// `02:42:ac:11:00:02`, also with `-` between the bytes.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn mac(text: &str) -> Result<String, Error> {
    let bytes: Vec<&str> = text.split([':', '-']).collect();
    let byte = |text: &&str| text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if matches!(bytes.len(), 6 | 8) && bytes.iter().all(byte) {
        Ok(text.into())
    } else {
        Err(Error::Invalid(format!("{text} is not a valid mac address")))
    }
}

impl Endpoint {
    pub(super) fn body(&self, network: Option<&str>) -> Option<NetworkingConfig> {
        if *self == Self::default() {
            return None;
        }
        let ipam =
            (self.ip.is_some() || self.ip6.is_some() || !self.link_local_ips.is_empty()).then(|| EndpointIpamConfig {
                ipv4_address: self.ip.clone(),
                ipv6_address: self.ip6.clone(),
                link_local_ips: Some(self.link_local_ips.clone()),
            });
        let settings = EndpointSettings {
            ipam_config: ipam,
            mac_address: self.mac.clone(),
            aliases: Some(self.aliases.clone()).filter(|aliases| !aliases.is_empty()),
            ..Default::default()
        };
        let network = network.unwrap_or("default").to_owned();
        Some(NetworkingConfig { endpoints_config: Some([(network, settings)].into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_on_the_network_that_is_asked_for() {
        assert_eq!(Endpoint::default().body(None), None);
        let endpoint = Endpoint { ip: Some("10.0.0.9".into()), aliases: vec!["db".into()], ..Endpoint::default() };
        let json = serde_json::to_value(endpoint.body(Some("back")).unwrap()).unwrap();
        assert_eq!(json["EndpointsConfig"]["back"]["IPAMConfig"]["IPv4Address"], "10.0.0.9");
        assert_eq!(json["EndpointsConfig"]["back"]["Aliases"][0], "db");
    }

    #[test]
    fn a_hardware_address_is_bytes() {
        assert_eq!(mac("02:42:ac:11:00:02").unwrap(), "02:42:ac:11:00:02");
        assert_eq!(mac("web").unwrap_err().to_string(), "web is not a valid mac address");
    }
}
