//! Networks as a list shows them, and one to create: docker's options as data.

use crate::{container::ContainerRow, error::Error};
use bollard::models::{ConfigReference, ContainerSummary, Ipam, IpamConfig, NetworkCreateRequest};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, net::IpAddr};

/// One network, and who is on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct NetworkRow {
    /// Full id, 64 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `bridge`, `host`, `null` and so on.
    pub driver: String,
    /// Nothing of it reaches the outside.
    pub internal: bool,
    /// Its subnets, such as `172.18.0.0/16`.
    pub subnets: Vec<String>,
    /// The gateways in them.
    pub gateways: Vec<String>,
    /// The containers on it, by name.
    pub members: Vec<NetworkMember>,
}

/// A container that is on a network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct NetworkMember {
    /// Its name.
    pub name: String,
    /// Full id of the container.
    pub container: String,
    /// Its address there; empty while it does not run.
    pub address: String,
    /// Whether it has processes.
    pub live: bool,
}

/// A network as a person asks for it; what is empty is the engine's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct NetworkForm {
    /// Its name.
    pub name: String,
    /// Such as `10.7.0.0/24`.
    pub subnet: String,
    /// An address in the subnet.
    pub gateway: String,
    /// Nothing of it reaches the outside.
    pub internal: bool,
}

impl NetworkForm {
    /// The network to create.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a subnet or gateway that is none.
    pub fn spec(self) -> Result<NetworkSpec, Error> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty()).into_iter().collect::<Vec<_>>();
        let subnets = subnets(&given(self.subnet), &[], &given(self.gateway), &[])?;
        Ok(NetworkSpec { name: self.name, internal: self.internal, subnets, ..NetworkSpec::default() })
    }
}

/// What the engine lists of a network.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    id: String,
    name: String,
    driver: String,
    #[serde(default)]
    internal: bool,
    #[serde(rename = "IPAM", default)]
    ipam: Option<Ipam>,
}

impl NetworkRow {
    /// The networks with the containers that are on each, by name.
    pub(crate) fn all(networks: Vec<Listed>, containers: Vec<ContainerSummary>) -> Vec<Self> {
        let mut rows: Vec<_> = networks.into_iter().map(Self::empty).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        for mut container in containers {
            let settings = container.network_settings.take().and_then(|settings| settings.networks);
            let row = ContainerRow::from(container);
            for (name, endpoint) in settings.unwrap_or_default() {
                let id = endpoint.network_id.unwrap_or_default();
                let Some(network) = rows.iter_mut().find(|one| one.id == id || (id.is_empty() && one.name == name))
                else {
                    continue;
                };
                network.members.push(NetworkMember {
                    name: row.name.clone(),
                    container: row.id.clone(),
                    address: endpoint.ip_address.unwrap_or_default(),
                    live: row.state.is_live(),
                });
            }
        }
        rows.iter_mut().for_each(|row| row.members.sort());
        rows
    }

    fn empty(listed: Listed) -> Self {
        let nets = listed.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        let subnets = nets.iter().filter_map(|net| net.subnet.clone()).collect();
        let gateways = nets.into_iter().filter_map(|net| net.gateway).collect();
        let Listed { id, name, driver, internal, .. } = listed;
        Self { id, name, driver, internal, subnets, gateways, members: Vec::new() }
    }
}

/// A network to create. `Default` is docker's default for everything except `name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// `bridge`, `macvlan` and so on; `bridge` when empty.
    pub driver: String,
    /// Options of the driver.
    pub options: Vec<(String, String)>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// `default` when empty.
    pub ipam_driver: String,
    /// Options of that.
    pub ipam_options: Vec<(String, String)>,
    /// Its subnets; the engine chooses without any.
    pub subnets: Vec<IpamConfig>,
    /// Whether it has IPv4; the engine's default for `None`.
    pub ipv4: Option<bool>,
    /// Whether it has IPv6; the engine's default for `None`.
    pub ipv6: Option<bool>,
    /// Nothing of it reaches the outside.
    pub internal: bool,
    /// Said to swarms, which Berth has not.
    pub attachable: bool,
    /// The same.
    pub ingress: bool,
    /// The same; empty for none.
    pub scope: String,
    /// It is a template for others only.
    pub config_only: bool,
    /// The template that it is made of; empty for none.
    pub config_from: String,
}

impl NetworkSpec {
    pub(crate) fn request(self) -> NetworkCreateRequest {
        let map = |pairs: Vec<(String, String)>| Some(pairs.into_iter().collect::<HashMap<_, _>>());
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        NetworkCreateRequest {
            name: self.name,
            driver: some(self.driver).or_else(|| Some("bridge".into())),
            scope: some(self.scope),
            internal: Some(self.internal),
            attachable: Some(self.attachable),
            ingress: Some(self.ingress),
            config_only: Some(self.config_only),
            config_from: some(self.config_from).map(|network| ConfigReference { network: Some(network) }),
            ipam: Some(Ipam {
                driver: some(self.ipam_driver).or_else(|| Some("default".into())),
                config: Some(self.subnets),
                options: map(self.ipam_options).filter(|options| !options.is_empty()),
            }),
            enable_ipv4: self.ipv4,
            enable_ipv6: self.ipv6,
            options: map(self.options),
            labels: map(self.labels),
        }
    }
}

/// Puts each range, gateway and kept address to the subnet that holds it, as docker's command line does.
///
/// # Errors
/// [`Error::Invalid`] in docker's words: no address, subnets that overlap, a range or gateway without a subnet.
pub fn subnets(
    subnets: &[String],
    ranges: &[String],
    gateways: &[String],
    kept: &[(String, String)],
) -> Result<Vec<IpamConfig>, Error> {
    let invalid = |text: String| Error::Invalid(text);
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        return Err(invalid("every ip-range or gateway must have a corresponding subnet".into()));
    }
    let mut nets: Vec<(IpNet, IpamConfig)> = Vec::new();
    for text in subnets {
        let net: IpNet = text.parse().map_err(|_| invalid(format!("invalid CIDR address: {text}")))?;
        if nets.iter().any(|(other, _)| other.contains(&net) || net.contains(other)) {
            return Err(invalid("multiple overlapping subnet configuration is not supported".into()));
        }
        nets.push((net, IpamConfig { subnet: Some(text.clone()), ..IpamConfig::default() }));
    }
    for text in ranges {
        let range: IpNet = text.parse().map_err(|_| invalid(format!("invalid CIDR address: {text}")))?;
        let (net, config) = nets
            .iter_mut()
            .find(|(net, _)| net.contains(&range.network()))
            .ok_or_else(|| invalid(format!("no matching subnet for range {text}")))?;
        if let Some(other) = &config.ip_range {
            return Err(invalid(format!(
                "cannot configure multiple ranges ({text}, {other}) on the same subnet ({net})"
            )));
        }
        config.ip_range = Some(text.clone());
    }
    let address = |text: &str| text.parse::<IpAddr>().map_err(|_| invalid(format!("invalid IP address: {text}")));
    for text in gateways {
        let gateway = address(text)?;
        let (net, config) = nets
            .iter_mut()
            .find(|(net, _)| net.contains(&gateway))
            .ok_or_else(|| invalid(format!("no matching subnet for gateway {text}")))?;
        if let Some(other) = &config.gateway {
            return Err(invalid(format!(
                "cannot configure multiple gateways ({text}, {other}) for the same subnet ({net})"
            )));
        }
        config.gateway = Some(text.clone());
    }
    for (name, text) in kept {
        // With the length of a prefix behind it too; what is no address is in no subnet.
        let kept: Option<IpAddr> = text.parse().or_else(|_| text.parse().map(|net: IpNet| net.addr())).ok();
        let (_, config) = nets
            .iter_mut()
            .find(|(net, _)| kept.is_some_and(|kept| net.contains(&kept)))
            .ok_or_else(|| invalid(format!("no matching subnet for aux-address {text}")))?;
        config.auxiliary_addresses.get_or_insert_default().insert(name.clone(), text.clone());
    }
    Ok(nets.into_iter().map(|(_, config)| config).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_network_has_the_containers_that_are_on_it() {
        let listed = |json| serde_json::from_value::<Listed>(json).unwrap();
        let networks = vec![
            listed(serde_json::json!({ "Id": "2", "Name": "web", "Driver": "bridge", "Internal": true,
                "IPAM": { "Config": [{ "Subnet": "10.7.0.0/24", "Gateway": "10.7.0.1" }] } })),
            listed(serde_json::json!({ "Id": "1", "Name": "none", "Driver": "null", "IPAM": { "Config": null } })),
        ];
        let on = |name: &str, state: &str, network: &str, id: &str, address: &str| {
            serde_json::from_value(serde_json::json!({ "Id": name, "Names": [format!("/{name}")], "State": state,
                "NetworkSettings": { "Networks": { network: { "NetworkID": id, "IPAddress": address } } } }))
            .unwrap()
        };
        let containers = vec![on("b", "running", "web", "2", "10.7.0.2"), on("a", "created", "web", "", "")];
        let rows = NetworkRow::all(networks, containers);
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["none", "web"]);
        let web = &rows[1];
        assert_eq!(
            (web.subnets.as_slice(), web.gateways.as_slice()),
            (["10.7.0.0/24".into()].as_slice(), ["10.7.0.1".into()].as_slice())
        );
        assert!(web.internal);
        let members: Vec<_> =
            web.members.iter().map(|one| (one.name.as_str(), one.address.as_str(), one.live)).collect();
        assert_eq!(members, [("a", "", false), ("b", "10.7.0.2", true)]);
    }

    #[test]
    fn what_a_person_leaves_out_is_the_engines_choice() {
        let form = NetworkForm { name: "web".into(), ..NetworkForm::default() };
        assert_eq!(form.clone().spec().unwrap(), NetworkSpec { name: "web".into(), ..NetworkSpec::default() });
        let lost = NetworkForm { gateway: "10.7.0.1".into(), ..form };
        assert!(lost.spec().is_err(), "a gateway without a subnet");
    }

    #[test]
    fn each_range_and_gateway_belongs_to_its_subnet() {
        let both = strings(&["10.0.0.0/16", "fd00::/64"]);
        let kept = [("Router", "10.0.0.5"), ("two", "10.0.0.6/16")].map(|(name, at)| (name.to_owned(), at.to_owned()));
        let made = subnets(&both, &strings(&["10.0.8.0/24"]), &strings(&["fd00::1", "10.0.0.1"]), &kept).unwrap();
        assert_eq!((made[0].gateway.as_deref(), made[0].ip_range.as_deref()), (Some("10.0.0.1"), Some("10.0.8.0/24")));
        let made_kept = made[0].auxiliary_addresses.as_ref().unwrap();
        assert_eq!((made_kept["Router"].as_str(), made_kept["two"].as_str()), ("10.0.0.5", "10.0.0.6/16"));
        assert_eq!(made[1].gateway.as_deref(), Some("fd00::1"));
    }

    #[test]
    fn what_has_no_subnet_is_refused_in_dockers_words() {
        let one = strings(&["10.0.0.0/16"]);
        for (answer, said) in [
            (
                subnets(&[], &[], &strings(&["10.0.0.1"]), &[]),
                "every ip-range or gateway must have a corresponding subnet",
            ),
            (subnets(&one, &[], &strings(&["10.9.0.1"]), &[]), "no matching subnet for gateway 10.9.0.1"),
            (subnets(&one, &strings(&["10.9.0.0/24"]), &[], &[]), "no matching subnet for range 10.9.0.0/24"),
            (subnets(&one, &[], &[], &[("a".into(), "::1".into())]), "no matching subnet for aux-address ::1"),
            (subnets(&one, &[], &[], &[("a".into(), String::new())]), "no matching subnet for aux-address "),
            (subnets(&one, &[], &[], &[("a".into(), "router".into())]), "no matching subnet for aux-address router"),
            (subnets(&strings(&["10.0.0.0"]), &[], &[], &[]), "invalid CIDR address: 10.0.0.0"),
            (
                subnets(&strings(&["10.0.0.0/8", "10.1.0.0/16"]), &[], &[], &[]),
                "multiple overlapping subnet configuration is not supported",
            ),
        ] {
            assert_eq!(answer.unwrap_err().to_string(), said);
        }
    }
}
