//! The subnets of a network that is asked for, and docker's words for addresses that cannot be had.

use super::{CreateSubnet, Subnet};
use crate::{Error, Result};
use berth_network::IpNet;
use std::{collections::BTreeMap, net::IpAddr};

/// The subnets that a request names, checked; a family that is off is left out.
///
/// # Errors
/// Docker's sentences, all of them at once.
pub(crate) fn read(asked: &[CreateSubnet], v4: bool, v6: bool) -> Result<Vec<Subnet>> {
    let mut wrong = Vec::new();
    let mut subnets = Vec::new();
    for config in asked {
        // Docker's clients send one without anything for "choose".
        if *config == CreateSubnet::default() {
            continue;
        }
        let Some(subnet) = block(&config.subnet, "subnet", &mut wrong) else { continue };
        let is_v6 = matches!(subnet, IpNet::V6(_));
        if if is_v6 { v6 } else { v4 } {
            subnets.push(one(config, subnet, &mut wrong));
        }
    }
    for (n, a) in subnets.iter().enumerate() {
        if subnets[..n].iter().any(|b| berth_network::overlap(a.subnet, b.subnet)) {
            wrong.push(format!("invalid subnet {}: it overlaps with another one of this network", a.subnet));
        }
    }
    if !wrong.is_empty() {
        return Err(Error::InvalidParameter(format!("invalid network config:\n{}", wrong.join("\n"))));
    }
    subnets.sort_by_key(|subnet| matches!(subnet.subnet, IpNet::V6(_)));
    Ok(subnets)
}

fn one(config: &CreateSubnet, subnet: IpNet, wrong: &mut Vec<String>) -> Subnet {
    let version = |v6: bool| if v6 { 6 } else { 4 };
    let is_v6 = matches!(subnet, IpNet::V6(_));
    let range = (!config.range.is_empty()).then(|| block(&config.range, "ip-range", wrong)).flatten();
    let range = range.filter(|range| {
        let what = format!("invalid ip-range {range}");
        let why = if matches!(range, IpNet::V6(_)) != is_v6 {
            format!("{what}: parent subnet is an IPv{} block", version(is_v6))
        } else if range.prefix_len() < subnet.prefix_len() {
            format!("{what}: CIDR block is bigger than its parent subnet {subnet}")
        } else if !subnet.contains(range) {
            format!("{what}: parent subnet {subnet} doesn't contain ip-range")
        } else {
            return true;
        };
        wrong.push(why);
        false
    });
    let mut address = |text: &str, what: &str| {
        let why = match text.parse::<IpAddr>() {
            Err(_) => format!("invalid {what} {text}: invalid address"),
            Ok(ip) if ip.is_ipv6() != is_v6 => {
                format!("invalid {what} {text}: parent subnet is an IPv{} block", version(is_v6))
            }
            Ok(ip) if !subnet.contains(&ip) => {
                format!("invalid {what} {text}: parent subnet {subnet} doesn't contain this address")
            }
            Ok(ip) => return Some(ip),
        };
        wrong.push(why);
        None
    };
    let gateway = (!config.gateway.is_empty()).then(|| address(&config.gateway, "gateway")).flatten();
    let auxiliary: BTreeMap<_, _> = config
        .auxiliary
        .iter()
        .filter_map(|(name, text)| Some((name.clone(), address(text, "auxiliary address")?)))
        .collect();
    Subnet { subnet, range, gateway, auxiliary, automatic: false, usage: (0, 0) }
}

fn block(text: &str, what: &str, wrong: &mut Vec<String>) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(block) if block.trunc() == block => return Some(block),
        Ok(block) => wrong.push(format!("invalid {what} {text}: it should be {}", block.trunc())),
        Err(_) => wrong.push(format!("invalid {what} {text}: invalid CIDR block notation")),
    }
    None
}

/// Docker refuses names without a character that is no blank; what a name cannot have in a path or a log is refused too.
///
/// # Errors
/// Docker's sentence.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.trim() != name || name.contains('/') || name.chars().any(char::is_control) {
        return Err(Error::InvalidParameter(format!(
            "invalid network config:\ninvalid network name {name:?}: it cannot be empty, hold a slash or begin or end with a blank"
        )));
    }
    Ok(())
}

/// Docker's words for an address that a network does not give.
pub(crate) fn refused(error: &berth_network::Error, network: &str, id: &str) -> Error {
    match error {
        berth_network::Error::AddressTaken(_) => Error::Forbidden("Address already in use".to_owned()),
        berth_network::Error::OutOfRange(ip) => {
            Error::InvalidParameter(format!("invalid address {ip}: It must belong to the network's subnet"))
        }
        berth_network::Error::Exhausted(subnet) => {
            let version = if matches!(subnet, IpNet::V6(_)) { 6 } else { 4 };
            Error::Conflict(format!(
                "no available IPv{version} addresses on this network's address pools: {network} ({id})"
            ))
        }
        other => Error::InvalidParameter(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(subnet: &str, range: &str, gateway: &str, auxiliary: &[(&str, &str)]) -> CreateSubnet {
        CreateSubnet {
            subnet: subnet.into(),
            range: range.into(),
            gateway: gateway.into(),
            auxiliary: auxiliary.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        }
    }

    #[test]
    fn subnets_are_read_ipv4_first_and_without_a_family_that_is_off() {
        let both = [
            asked("fd00::/64", "", "fd00::7", &[]),
            asked("10.0.0.0/24", "10.0.0.128/25", "10.0.0.9", &[("router", "10.0.0.5")]),
            CreateSubnet::default(),
        ];
        let read_both = read(&both, true, true).unwrap();
        assert_eq!(read_both[0].range, Some("10.0.0.128/25".parse().unwrap()));
        assert_eq!(read_both[0].auxiliary["router"], IpAddr::from([10, 0, 0, 5]));
        assert_eq!(read_both[1].gateway, Some("fd00::7".parse().unwrap()));
        assert_eq!(read(&both, true, false).unwrap(), read_both[..1]);
    }

    #[test]
    fn what_makes_no_sense_is_told_in_dockers_words() {
        for (config, expected) in [
            (asked("", "", "1.2.3.4", &[]), "invalid subnet : invalid CIDR block notation"),
            (asked("10.0.0.0/33", "", "", &[]), "invalid subnet 10.0.0.0/33: invalid CIDR block notation"),
            (asked("10.0.0.7/24", "", "", &[]), "invalid subnet 10.0.0.7/24: it should be 10.0.0.0/24"),
            (asked("10.0.0.0/24", "10.0.0.0/16", "", &[]), "CIDR block is bigger than its parent subnet 10.0.0.0/24"),
            (asked("10.0.0.0/24", "10.1.0.0/25", "", &[]), "parent subnet 10.0.0.0/24 doesn't contain ip-range"),
            (asked("10.0.0.0/24", "fd00::/64", "", &[]), "invalid ip-range fd00::/64: parent subnet is an IPv4 block"),
            (asked("10.0.0.0/24", "", "x", &[]), "invalid gateway x: invalid address"),
            (asked("10.0.0.0/24", "", "10.0.1.1", &[]), "invalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't"),
            (asked("10.0.0.0/24", "", "", &[("a", "fd00::1")]), "invalid auxiliary address fd00::1: parent subnet is"),
        ] {
            let said = read(&[config], true, true).unwrap_err().to_string();
            assert!(said.starts_with("invalid network config:\n") && said.contains(expected), "{said}");
        }
        let twice = [asked("10.0.0.0/16", "", "", &[]), asked("10.0.1.0/24", "", "", &[])];
        assert!(read(&twice, true, true).unwrap_err().to_string().contains("10.0.1.0/24: it overlaps"));
        for bad in ["", " ", " a", "a/b", "a\n"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
