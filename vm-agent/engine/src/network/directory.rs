//! What a container can resolve, told from who is on its networks.

use super::NeighbourNetwork;
use std::net::IpAddr;

/// The addresses of a name, without its dot at the end and in any case: of the first network that knows it, so that a
/// container that shares several networks is not met on all of them. `None` when no network of the user's knows it.
pub(crate) fn addresses(networks: &[NeighbourNetwork], name: &str) -> Option<Vec<IpAddr>> {
    networks.iter().filter(|network| network.user_defined).find_map(|network| {
        let linked = network.links.iter().find(|(word, _)| word.eq_ignore_ascii_case(name)).map(|(_, id)| id);
        let bare = without_network(name, &network.name).unwrap_or(name);
        let means =
            |names: &[String]| names.iter().any(|own| own.eq_ignore_ascii_case(bare) || own.eq_ignore_ascii_case(name));
        let mut found = network
            .members
            .iter()
            .filter(|member| linked.map_or_else(|| means(&member.names), |id| *id == member.container))
            .peekable();
        found.peek()?;
        let both = found.flat_map(|member| member.v4.map(IpAddr::V4).into_iter().chain(member.v6.map(IpAddr::V6)));
        Some(both.collect())
    })
}

/// The name of an address, with its network's behind it as docker has it.
pub(crate) fn name_of(networks: &[NeighbourNetwork], address: IpAddr) -> Option<String> {
    networks.iter().filter(|network| network.user_defined).find_map(|network| {
        let has = |member: &&super::Neighbour| {
            member.v4.map(IpAddr::V4) == Some(address) || member.v6.map(IpAddr::V6) == Some(address)
        };
        let name = network.members.iter().find(has)?.names.first()?;
        Some(format!("{name}.{}", network.name))
    })
}

/// Whether questions may leave: not when all networks are internal.
pub(crate) fn may_ask_outside(networks: &[NeighbourNetwork]) -> bool {
    networks.iter().any(|network| !network.internal)
}

/// `web` of `web.shop` for the network `shop`.
fn without_network<'a>(name: &'a str, network: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(network.len() + 1)?;
    let (bare, rest) = (name.get(..at)?, name.get(at..)?);
    rest.strip_prefix('.').filter(|rest| rest.eq_ignore_ascii_case(network)).map(|_| bare)
}

#[cfg(test)]
mod tests {
    use super::super::Neighbour;
    use super::*;

    fn member(container: &str, names: &[&str], last: u8) -> Neighbour {
        Neighbour {
            container: container.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            v4: Some([172, 18, 0, last].into()),
            v6: None,
        }
    }

    fn network(name: &str, members: Vec<Neighbour>) -> NeighbourNetwork {
        NeighbourNetwork {
            id: name.repeat(2),
            name: name.to_owned(),
            user_defined: name != "bridge",
            internal: false,
            links: vec![],
            members,
        }
    }

    fn found(networks: &[NeighbourNetwork], name: &str) -> Option<Vec<String>> {
        addresses(networks, name).map(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_name_means_all_who_have_it_on_the_first_network_that_knows_it() {
        let shop = network("shop", vec![member("a", &["web1", "web"], 2), member("b", &["web2", "web"], 3)]);
        let back = network("back", vec![member("b", &["web2"], 9), member("c", &["db"], 4)]);
        let networks = [shop, back];
        assert_eq!(found(&networks, "WEB").unwrap(), ["172.18.0.2", "172.18.0.3"]);
        assert_eq!(found(&networks, "web2").unwrap(), ["172.18.0.3"]);
        assert_eq!(found(&networks, "web2.back").unwrap(), ["172.18.0.9"]);
        assert_eq!(found(&networks, "db").unwrap(), ["172.18.0.4"]);
        assert_eq!(found(&networks, "db.shop"), None);
        assert_eq!(name_of(&networks, [172, 18, 0, 3].into()).unwrap(), "web2.shop");
        assert_eq!(name_of(&networks, [172, 18, 0, 77].into()), None);
    }

    #[test]
    fn the_default_network_has_no_names() {
        let networks = [network("bridge", vec![member("a", &["web"], 2)])];
        assert_eq!((found(&networks, "web"), name_of(&networks, [172, 18, 0, 2].into())), (None, None));
    }

    #[test]
    fn a_link_is_a_name_that_only_its_owner_knows_and_wins_over_others() {
        let mut shop = network("shop", vec![member("a", &["db"], 2), member("b", &["other"], 3)]);
        shop.links = vec![("db".to_owned(), "b".to_owned()), ("gone".to_owned(), "z".to_owned())];
        assert_eq!(found(std::slice::from_ref(&shop), "db").unwrap(), ["172.18.0.3"]);
        assert_eq!(found(&[shop], "gone"), None, "who does not run has no address");
    }

    #[test]
    fn a_container_without_addresses_is_known_and_an_internal_network_keeps_questions_in() {
        let mut inner = network("inner", vec![Neighbour { v4: None, ..member("a", &["web"], 2) }]);
        inner.internal = true;
        assert_eq!(found(std::slice::from_ref(&inner), "web").unwrap(), [""; 0]);
        assert!(!may_ask_outside(std::slice::from_ref(&inner)) && !may_ask_outside(&[]));
        assert!(may_ask_outside(&[inner, network("shop", vec![])]));
    }
}
