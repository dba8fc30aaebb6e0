//! Options of `run` and `create` about networks, and what a container is on them.

use super::run::{each, named};
use crate::failure::{Failure, invalid};
use berth_api::run::{Attachment, Endpoint, endpoint};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct EndpointOptions {
    /// Its network: bridge, none, host, container:NAME, or a name; also name=NETWORK,ip=ADDRESS,alias=NAME
    #[arg(long, visible_alias = "net", value_name = "NETWORK")]
    network: Vec<String>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Its hardware address, such as 92:d0:c6:0a:29:33
    #[arg(long, value_name = "ADDRESS")]
    mac_address: Option<String>,
    /// Another name of it on its network
    #[arg(long, visible_alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
}

/// What `run`, `create` and `network connect` share.
#[derive(Debug, Default, Args)]
pub(crate) struct PlaceOptions {
    /// Its address on its network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// Its IPv6 address on its network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<String>,
    /// Its link-local addresses
    #[arg(long, value_name = "ADDRESS")]
    link_local_ip: Vec<String>,
}

/// Options of `network connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    place: PlaceOptions,
    /// Another name of it on the network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// Another container that it calls by a name: CONTAINER[:ALIAS]
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
    /// An option of the network's driver: KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    driver_opt: Vec<String>,
    /// The network with the highest is its way out
    #[arg(long, default_value_t = 0, value_name = "NUMBER", allow_hyphen_values = true, hide_default_value = true)]
    gw_priority: i64,
    /// The network
    pub(crate) network: String,
    /// The container
    pub(crate) container: String,
}

impl Connect {
    /// What it is to be there.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        Ok(Endpoint {
            ip: self.place.ip.clone(),
            ip6: self.place.ip6.clone(),
            link_local_ips: self.place.link_local_ip.clone(),
            mac: None,
            aliases: self.alias.clone(),
            links: each(&self.link, "--link", berth_api::run::isolation::link)?,
            driver_opts: each(&self.driver_opt, "--driver-opt", endpoint::driver_opt)?,
            gw_priority: self.gw_priority,
        })
    }
}

impl EndpointOptions {
    /// As the engine is asked.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(super) fn read(&self, links: &[String]) -> Result<Vec<Attachment>, Failure> {
        let mut networks: Vec<Attachment> = Vec::new();
        for text in &self.network {
            let network = named(text, "--network", endpoint::attachment)?;
            if networks.iter().any(|before| before.network == network.network) {
                return Err(invalid(format!("network {:?} is specified multiple times", network.network)));
            }
            networks.push(network);
        }
        if networks.len() > 1 && !networks.iter().all(|network| is_of_the_user(&network.network)) {
            return Err(invalid(
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
            ));
        }
        let without = networks.is_empty();
        let mut first = if without { default_network() } else { networks.remove(0) };
        self.enter(&mut first.endpoint)?;
        if is_of_the_user(&first.network) {
            first.endpoint.links.extend_from_slice(links);
        } else if !first.endpoint.aliases.is_empty() {
            return Err(invalid("network-scoped aliases are only supported for user-defined networks"));
        }
        if !(without && first.endpoint == Endpoint::default()) {
            networks.insert(0, first);
        }
        Ok(networks)
    }

    /// The options without a network of their own are the first network's.
    fn enter(&self, endpoint: &mut Endpoint) -> Result<(), Failure> {
        let mac = self.mac_address.as_deref().map(endpoint::mac).transpose()?;
        one(&mut endpoint.ip, &self.place.ip, "--ip and per-network IPv4 address")?;
        one(&mut endpoint.ip6, &self.place.ip6, "--ip6 and per-network IPv6 address")?;
        one(&mut endpoint.mac, &mac, "--mac-address and per-network MAC address")?;
        all(&mut endpoint.aliases, &self.network_alias, "--network-alias and per-network alias")?;
        let local = &self.place.link_local_ip;
        all(&mut endpoint.link_local_ips, local, "--link-local-ip and per-network link-local IP addresses")
    }
}

fn one(place: &mut Option<String>, value: &Option<String>, both: &str) -> Result<(), Failure> {
    match (&place, value) {
        (_, None) => Ok(()),
        (Some(_), Some(_)) => Err(conflict(both)),
        (None, value) => {
            place.clone_from(value);
            Ok(())
        }
    }
}

fn all(place: &mut Vec<String>, values: &[String], both: &str) -> Result<(), Failure> {
    if !place.is_empty() && !values.is_empty() {
        return Err(conflict(both));
    }
    place.extend_from_slice(values);
    Ok(())
}

fn conflict(both: &str) -> Failure {
    invalid(format!("conflicting options: cannot specify both {both}"))
}

fn default_network() -> Attachment {
    Attachment { network: "default".into(), endpoint: Endpoint::default() }
}

/// Whether a user made it; docker calls the others modes.
fn is_of_the_user(network: &str) -> bool {
    !matches!(network, "" | "default" | "bridge" | "none" | "host") && !network.starts_with("container:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: EndpointOptions) -> Result<Vec<Attachment>, String> {
        options.read(&["db:sql".into()]).map_err(|failure| match failure {
            Failure::Problem(problem) => problem.message,
            other => panic!("{other:?}"),
        })
    }

    fn networks(names: &[&str]) -> EndpointOptions {
        EndpointOptions { network: names.iter().map(|name| (*name).to_owned()).collect(), ..Default::default() }
    }

    #[test]
    fn options_without_a_network_are_those_of_the_first() {
        let place = PlaceOptions { ip: Some("10.0.0.9".into()), ..Default::default() };
        let read = read(EndpointOptions { place, ..networks(&["back", "name=front,alias=www"]) }).unwrap();
        assert_eq!((read[0].network.as_str(), read[0].endpoint.ip.as_deref()), ("back", Some("10.0.0.9")));
        assert_eq!((read[0].endpoint.links.as_slice(), read[1].endpoint.links.len()), (&["db:sql".to_owned()][..], 0));
        assert_eq!(read[1].endpoint.aliases, ["www"]);
    }

    #[test]
    fn without_a_network_there_is_nothing_to_ask_for_but_an_address() {
        assert_eq!(read(networks(&[])).unwrap(), []);
        let mac = EndpointOptions { mac_address: Some("02:42:ac:11:00:02".into()), ..networks(&[]) };
        assert_eq!(read(mac).unwrap()[0].network, "default");
    }

    #[test]
    fn what_contradicts_itself_is_refused_in_dockers_words() {
        let alias = |names: &[&str]| EndpointOptions { network_alias: vec!["a".into()], ..networks(names) };
        for (options, said) in [
            (networks(&["a", "a"]), "network \"a\" is specified multiple times"),
            (
                networks(&["a", "host"]),
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
            ),
            (
                alias(&["name=a,alias=b"]),
                "conflicting options: cannot specify both --network-alias and per-network alias",
            ),
            (alias(&["host"]), "network-scoped aliases are only supported for user-defined networks"),
            (
                networks(&["name=a,ip"]),
                "invalid argument \"name=a,ip\" for \"--network\" flag: invalid field \"ip\" in \"name=a,ip\"",
            ),
        ] {
            assert_eq!(read(options).unwrap_err(), said);
        }
    }
}
