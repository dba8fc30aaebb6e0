//! What a container is on a network: addresses and names of its own. Which of them a network has is the engine's to say.

use crate::error::Error;
use bollard::models::{EndpointIpamConfig, EndpointSettings, NetworkingConfig};

/// What is asked for; `Default` leaves all of it to the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Other containers and what it calls them: `CONTAINER[:ALIAS]`.
    pub links: Vec<String>,
    /// Options of the network's driver.
    pub driver_opts: Vec<(String, String)>,
    /// The network with the highest has its way out; 0 without a wish.
    pub gw_priority: i64,
}

/// A network that a container is to be on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `bridge`, `none`, `host`, `container:NAME` or a network's name.
    pub network: String,
    /// What it is there.
    pub endpoint: Endpoint,
}

/// The text of `--network`: a name, or `name=NETWORK,alias=NAME,…`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn attachment(text: &str) -> Result<Attachment, Error> {
    if !text.contains('=') {
        return Ok(Attachment { network: text.to_owned(), endpoint: Endpoint::default() });
    }
    let mut network = None;
    let mut endpoint = Endpoint::default();
    for field in text.split(',') {
        let (key, value) =
            field.split_once('=').ok_or_else(|| Error::Invalid(format!("invalid field {field:?} in {text:?}")))?;
        let owned = || value.trim().to_owned();
        match key.trim().to_lowercase().as_str() {
            "name" => network = Some(owned()),
            "alias" => endpoint.aliases.push(owned()),
            "ip" => endpoint.ip = Some(owned()),
            "ip6" => endpoint.ip6 = Some(owned()),
            "link-local-ip" => endpoint.link_local_ips.push(owned()),
            "mac-address" => endpoint.mac = Some(mac(value.trim())?),
            "driver-opt" => endpoint.driver_opts.push(driver_opt(value.trim())?),
            "gw-priority" => {
                endpoint.gw_priority = value
                    .trim()
                    .parse()
                    .map_err(|_| Error::Invalid(format!("invalid gw-priority: {value} is not a number")))?;
            }
            other => return Err(Error::Invalid(format!("invalid field key {other}"))),
        }
    }
    let network = network.filter(|name| !name.is_empty());
    Ok(Attachment {
        network: network.ok_or_else(|| Error::Invalid("network name/id is not specified".into()))?,
        endpoint,
    })
}

/// `KEY=VALUE` of an option of a driver.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn driver_opt(text: &str) -> Result<(String, String), Error> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_lowercase(), value.trim().to_owned())),
        _ => Err(Error::Invalid("invalid key value pair format in driver options".into())),
    }
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
    /// As the engine is asked.
    pub(crate) fn settings(&self) -> EndpointSettings {
        let addressed = self.ip.is_some() || self.ip6.is_some() || !self.link_local_ips.is_empty();
        let ipam = addressed.then(|| EndpointIpamConfig {
            ipv4_address: self.ip.clone(),
            ipv6_address: self.ip6.clone(),
            link_local_ips: Some(self.link_local_ips.clone()),
        });
        let some = |list: &[String]| Some(list.to_vec()).filter(|list| !list.is_empty());
        EndpointSettings {
            ipam_config: ipam,
            mac_address: self.mac.clone(),
            aliases: some(&self.aliases),
            links: some(&self.links),
            driver_opts: (!self.driver_opts.is_empty()).then(|| self.driver_opts.iter().cloned().collect()),
            gw_priority: Some(self.gw_priority).filter(|priority| *priority != 0),
            ..Default::default()
        }
    }
}

/// The networks of a container to create; `None` when the default one is all that is asked for.
pub(super) fn body(attachments: &[Attachment]) -> Option<NetworkingConfig> {
    // The mode says a lone network's name already.
    if attachments.len() < 2 && attachments.iter().all(|one| one.endpoint == Endpoint::default()) {
        return None;
    }
    let settings = attachments.iter().map(|one| (one.network.clone(), one.endpoint.settings()));
    Some(NetworkingConfig { endpoints_config: Some(settings.collect()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_on_the_network_that_is_asked_for() {
        assert_eq!(body(&[]), None);
        assert_eq!(body(&[attachment("back").unwrap()]), None, "the mode says it already");
        let endpoint = Endpoint { ip: Some("10.0.0.9".into()), aliases: vec!["db".into()], ..Endpoint::default() };
        let both = [Attachment { network: "back".into(), endpoint }, attachment("front").unwrap()];
        let json = serde_json::to_value(body(&both).unwrap()).unwrap();
        assert_eq!(json["EndpointsConfig"]["back"]["IPAMConfig"]["IPv4Address"], "10.0.0.9");
        assert_eq!(json["EndpointsConfig"]["back"]["Aliases"][0], "db");
        assert!(json["EndpointsConfig"]["front"].is_object());
    }

    #[test]
    fn a_network_is_a_name_or_has_fields() {
        let both = attachment("name=back,alias=db,alias=sql,ip=10.0.0.9,driver-opt=a.b=c,gw-priority=7").unwrap();
        assert_eq!((both.network.as_str(), both.endpoint.gw_priority), ("back", 7));
        assert_eq!(both.endpoint.aliases, ["db", "sql"]);
        assert_eq!(both.endpoint.driver_opts, [("a.b".to_owned(), "c".to_owned())]);
        for (text, said) in [
            ("alias=db", "network name/id is not specified"),
            ("name=a,color=red", "invalid field key color"),
            ("name=a,mac-address=x", "x is not a valid mac address"),
            ("name=a,driver-opt=x", "invalid key value pair format in driver options"),
        ] {
            assert_eq!(attachment(text).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn a_hardware_address_is_bytes() {
        assert_eq!(mac("02:42:ac:11:00:02").unwrap(), "02:42:ac:11:00:02");
        assert_eq!(mac("web").unwrap_err().to_string(), "web is not a valid mac address");
    }
}
