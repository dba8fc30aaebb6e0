//! Networks of the user's, on fakes.

use super::*;
use crate::{
    ErrorKind, Result,
    container::{Endpoint, EndpointSettings, NetworkMode},
    event::{Event, EventFilters, EventOptions},
    network::{CreateNetwork, CreateSubnet, IpNet, NetworkFilters, NetworkPruneFilters},
};
use futures_util::StreamExt;
use std::net::{IpAddr, Ipv4Addr};

fn asked(name: &str) -> CreateNetwork {
    CreateNetwork { name: name.into(), ..CreateNetwork::default() }
}

fn with_subnet(name: &str, subnet: &str) -> CreateNetwork {
    let subnet = CreateSubnet { subnet: subnet.into(), ..CreateSubnet::default() };
    CreateNetwork { subnets: vec![subnet], ..asked(name) }
}

fn fixed(v4: [u8; 4]) -> EndpointSettings {
    EndpointSettings { v4: Some(v4.into()), ..EndpointSettings::default() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

impl Case {
    async fn created(&self, name: &str, networks: &[(&str, EndpointSettings)]) -> Result<String> {
        let mut request = busybox(name, |host| {
            if let Some((first, _)) = networks.first() {
                host.network_mode = NetworkMode::Named((*first).to_owned());
            }
        });
        request.networks = networks.iter().map(|(name, asked)| ((*name).to_owned(), asked.clone())).collect();
        Ok(self.engine.create_container(request).await?.id)
    }

    async fn on(&self, name: &str, networks: &[(&str, EndpointSettings)]) -> String {
        let id = self.created(name, networks).await.unwrap();
        self.engine.start_container(&id).await.unwrap();
        id
    }

    async fn endpoint(&self, container: &str, network: &str) -> Endpoint {
        self.engine.inspect_container(container).await.unwrap().network.networks[network].clone()
    }

    async fn network_events(&self) -> Vec<Event> {
        let filters = EventFilters { kind: vec!["network".into()], ..EventFilters::default() };
        let now = crate::Timestamp(i64::MAX);
        let options = EventOptions { since: Some(crate::Timestamp(0)), until: Some(now), filters };
        self.engine.events(options).take_until(tokio::time::sleep(Duration::from_millis(50))).collect().await
    }
}

#[tokio::test]
async fn a_network_is_made_used_and_removed() {
    let case = Case::new().await;
    let id = case.network("back").await;
    let network = case.engine.inspect_network("back").await.unwrap();
    assert_eq!((network.id.as_str(), network.driver.as_str()), (id.as_str(), "bridge"));
    assert_eq!(network.subnets[0].subnet, net("172.18.0.0/16"));
    assert!(case.fakes.network.made().contains_key(&id));

    let aliased = EndpointSettings { aliases: vec!["db".into(), "db".into()], ..EndpointSettings::default() };
    let web = case.on("web", &[("back", aliased)]).await;
    let endpoint = case.endpoint("web", "back").await;
    assert_eq!((endpoint.address, endpoint.gateway), (Some(ip("172.18.0.2")), Some(ip("172.18.0.1"))));
    assert_eq!(endpoint.dns_names, ["web", "db", &web[..12]]);
    assert_eq!(case.engine.inspect_network("back").await.unwrap().containers[&web].name, "web");
    let refused = case.engine.remove_network("back").await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("error while removing network: network back has active endpoints (name:\"web\""),
        "{refused}"
    );
    assert_eq!(refused.kind(), ErrorKind::Forbidden);

    case.engine.stop_container("web", Default::default()).await.unwrap();
    case.engine.remove_network(&id[..12]).await.unwrap();
    assert!(case.fakes.network.made().is_empty());
    let said = case.engine.start_container("web").await.unwrap_err();
    assert_eq!(said.to_string(), format!("failed to set up container networking: network {id} not found"));
    assert_eq!(said.kind(), ErrorKind::NotFound);
    case.nothing_runs();

    let actions: Vec<String> = case.network_events().await.into_iter().map(|event| event.action).collect();
    assert_eq!(actions, ["create", "connect", "disconnect", "destroy"]);
}

#[tokio::test]
async fn networks_are_refused_in_dockers_words() {
    let case = Case::new().await;
    case.engine.create_network(with_subnet("mine", "10.5.0.0/24")).await.unwrap();
    let with = |change: fn(&mut CreateNetwork)| {
        let mut request = asked("other");
        change(&mut request);
        request
    };
    for (request, said, kind) in [
        (asked("mine"), "network with name mine already exists", ErrorKind::Conflict),
        (asked("host"), "operation is not permitted on predefined host network", ErrorKind::Forbidden),
        (
            with_subnet("other", "10.5.0.128/25"),
            "invalid pool request: Pool overlaps with other one on this address space",
            ErrorKind::Forbidden,
        ),
        (
            // The machine's own way out.
            with_subnet("other", "10.0.2.0/28"),
            "invalid pool request: Pool overlaps with other one on this address space",
            ErrorKind::Forbidden,
        ),
        (with(|r| r.driver = "weave".into()), "plugin \"weave\" not found", ErrorKind::NotFound),
        (with(|r| r.driver = "host".into()), "only one instance of \"host\" network is allowed", ErrorKind::Forbidden),
        (with(|r| r.ipam_driver = "dhcp".into()), "plugin \"dhcp\" not found", ErrorKind::NotFound),
        (with(|r| r.ipv4 = Some(false)), "IPv4 or IPv6 must be enabled", ErrorKind::InvalidParameter),
    ] {
        let error = case.engine.create_network(request).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (said, kind));
    }
    let named = |name: &str| CreateNetwork {
        options: [("com.docker.network.bridge.name".to_owned(), "lan0".to_owned())].into(),
        ..asked(name)
    };
    case.engine.create_network(named("first")).await.unwrap();
    let said = case.engine.create_network(named("second")).await.unwrap_err().to_string();
    assert!(said.contains("networks have same bridge name"), "{said}");
    for (name, said) in
        [("bridge", "bridge is a pre-defined network and cannot be removed"), ("x", "network x not found")]
    {
        assert_eq!(case.engine.remove_network(name).await.unwrap_err().to_string(), said);
    }
    assert_eq!(case.engine.list_networks(NetworkFilters::default()).await.unwrap().len(), 5, "nothing is half-made");
}

#[tokio::test]
async fn a_container_is_on_several_networks_with_what_it_asked_for() {
    let case = Case::new().await;
    case.engine.create_network(with_subnet("back", "10.5.0.0/24")).await.unwrap();
    let dual = CreateNetwork { ipv6: Some(true), ..asked("front") };
    case.engine.create_network(dual).await.unwrap();
    let here = EndpointSettings {
        mac: "92:d0:c6:0a:29:33".into(),
        options: [("com.docker.network.endpoint.ifname".to_owned(), "back0".to_owned())].into(),
        ..fixed([10, 5, 0, 77])
    };
    let first = EndpointSettings { gateway_priority: 1, ..EndpointSettings::default() };
    let id = case.on("web", &[("back", here), ("front", first)]).await;
    let interfaces = case.fakes.network.interfaces(&id);
    assert_eq!(interfaces.keys().collect::<Vec<_>>(), ["back0", "eth0"]);
    assert_eq!(interfaces["back0"].mac.to_string(), "92:d0:c6:0a:29:33");
    assert_eq!(interfaces["back0"].addresses, [net("10.5.0.77/24")]);
    assert_eq!(interfaces["eth0"].addresses.len(), 2);
    let routes = case.fakes.network.routes(&id);
    assert_eq!(routes.v4.unwrap().interface, "eth0", "the priority decides");
    assert!(routes.v6.unwrap().gateway.unwrap().is_ipv6());

    let said = case.created("db", &[("back", fixed([10, 6, 0, 1]))]).await.unwrap_err().to_string();
    assert_eq!(said, "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.6.0.1");
    let said = case.created("db", &[("front", fixed([172, 18, 0, 9]))]).await.unwrap_err().to_string();
    assert!(said.ends_with("only when connecting to networks with user configured subnets"), "{said}");
    let db = case.created("db", &[("back", fixed([10, 5, 0, 77]))]).await.unwrap();
    let error = case.engine.start_container(&db).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to set up container networking: Address already in use");
    assert_eq!((error.kind(), case.fakes.network.attached()), (ErrorKind::Forbidden, 1));
    case.engine.stop_container("web", Default::default()).await.unwrap();
    case.engine.start_container(&db).await.unwrap();
}

#[tokio::test]
async fn a_running_container_comes_to_a_network_and_leaves_it() {
    let case = Case::new().await;
    case.network("back").await;
    let id = case.run("web", |_| {}).await;
    let aliased = EndpointSettings { aliases: vec!["db".into()], ..EndpointSettings::default() };
    case.engine.connect_network("back", "web", aliased.clone()).await.unwrap();
    let endpoint = case.endpoint("web", "back").await;
    assert_eq!((endpoint.interface.as_str(), endpoint.address), ("eth1", Some(ip("172.18.0.2"))));
    let hosts = || std::fs::read_to_string(case.dir.path().join(format!("data/containers/{id}/hosts"))).unwrap();
    assert!(hosts().contains("172.17.0.2\t") && hosts().contains("172.18.0.2\t"), "{}", hosts());
    let twice = case.engine.connect_network("back", "web", aliased).await.unwrap_err();
    assert_eq!(twice.to_string(), "endpoint with name web already exists in network back");
    assert_eq!(case.fakes.network.routes(&id).v4.unwrap().interface, "eth1", "back comes before bridge");

    case.engine.disconnect_network("back", "web").await.unwrap();
    assert_eq!(case.fakes.network.interfaces(&id).keys().collect::<Vec<_>>(), ["eth0"]);
    assert_eq!(case.fakes.network.routes(&id).v4.unwrap().interface, "eth0");
    assert!(!hosts().contains("172.18.0.2"));
    let said = case.engine.disconnect_network("back", "web").await.unwrap_err().to_string();
    assert_eq!(said, format!("container {id} is not connected to the network back"));
    case.engine.remove_network("back").await.unwrap();
}

#[tokio::test]
async fn ports_follow_the_way_out() {
    let case = Case::new().await;
    case.network("back").await;
    case.run("web", |host| {
        let binding = crate::container::PortBinding { ip: None, port: 8080, last_port: None };
        host.port_bindings = [("80/tcp".parse().unwrap(), vec![binding])].into();
    })
    .await;
    let target = || case.fakes.ports.targets()[0].to_string();
    assert_eq!(target(), "172.17.0.2:80");
    case.engine.connect_network("back", "web", EndpointSettings::default()).await.unwrap();
    assert_eq!(target(), "172.18.0.2:80");
    case.engine.disconnect_network("back", "web").await.unwrap();
    assert_eq!(target(), "172.17.0.2:80");
    case.engine.disconnect_network("bridge", "web").await.unwrap();
    assert_eq!(case.fakes.ports.published(), [], "nothing leads to it");
    case.engine.connect_network("back", "web", EndpointSettings::default()).await.unwrap();
    assert_eq!(target(), "172.18.0.2:80");
}

#[tokio::test]
async fn one_that_does_not_run_is_connected_for_its_next_start() {
    let case = Case::new().await;
    case.network("back").await;
    let id = case.create("web", |_| {}).await;
    case.engine.connect_network("back", "web", EndpointSettings::default()).await.unwrap();
    assert_eq!(case.endpoint("web", "back").await.address, None);
    case.engine.disconnect_network("bridge", "web").await.unwrap();
    case.engine.start_container("web").await.unwrap();
    assert_eq!(case.fakes.network.interfaces(&id)["eth0"].addresses, [net("172.18.0.2/16")]);
    assert_eq!(case.network_events().await.len(), 2, "create and connect");
}

#[tokio::test]
async fn what_shares_or_has_no_network_is_not_connected() {
    let case = Case::new().await;
    case.network("back").await;
    case.run("donor", |_| {}).await;
    case.create("sharing", |host| host.network_mode = NetworkMode::Container("donor".into())).await;
    case.create("hosted", |host| host.network_mode = NetworkMode::Host).await;
    case.create("alone", |host| host.network_mode = NetworkMode::None).await;
    for (network, container, said) in [
        ("back", "sharing", "container sharing network namespace with another container or host"),
        ("back", "hosted", "container cannot be disconnected from host network or connected to host network"),
        ("host", "donor", "container cannot be disconnected from host network or connected to host network"),
        ("back", "alone", "with one of the networks in private (none) mode"),
        ("none", "donor", "with one of the networks in private (none) mode"),
    ] {
        let error = case.engine.connect_network(network, container, EndpointSettings::default()).await.unwrap_err();
        assert!(error.to_string().contains(said) && error.kind() == ErrorKind::InvalidParameter, "{error}");
    }
    let both = case.created("x", &[("back", EndpointSettings::default()), ("none", EndpointSettings::default())]).await;
    assert!(both.unwrap_err().to_string().contains("private (none) mode"));
}

#[tokio::test]
async fn a_connection_that_fails_leaves_nothing() {
    let case = Case::new().await;
    let back = case.network("back").await;
    let id = case.run("web", |_| {}).await;
    case.fakes.network.fail(true);
    case.engine.connect_network("back", "web", EndpointSettings::default()).await.unwrap_err();
    case.create("db", |_| {}).await;
    case.engine.start_container("db").await.unwrap_err();
    case.fakes.network.fail(false);
    assert_eq!(case.fakes.network.interfaces(&id).len(), 1);
    assert_eq!(case.fakes.network.attached(), 1);
    let network = case.engine.inspect_network(&back).await.unwrap();
    assert_eq!((network.containers.len(), network.subnets[0].usage.0), (0, 1), "the gateway's alone");
    case.engine.start_container("db").await.unwrap();
    assert_eq!(case.endpoint("db", "bridge").await.address, Some(ip("172.17.0.3")));
}

#[tokio::test]
async fn networks_and_places_outlive_the_engine() {
    let case = Case::new().await;
    let kept = case.engine.create_network(with_subnet("back", "10.5.0.0/24")).await.unwrap();
    let id = case.on("web", &[("back", EndpointSettings::default())]).await;
    let before = case.engine.inspect_network("back").await.unwrap();
    let case = case.engine_restarted().await;
    assert_eq!(case.engine.inspect_network(&kept).await.unwrap(), before);
    assert_eq!(case.fakes.network.interfaces(&id).len(), 1);
    assert_eq!(case.engine.remove_network("back").await.unwrap_err().kind(), ErrorKind::Forbidden);
    case.on("db", &[("back", EndpointSettings::default())]).await;
    assert_eq!(case.endpoint("db", "back").await.address, Some(ip("10.5.0.3")), "the first address is taken");

    let case = case.machine_restarted().await;
    assert!(case.engine.inspect_network("back").await.unwrap().containers.is_empty());
    case.engine.start_container("db").await.unwrap();
    assert_eq!(case.endpoint("db", "back").await.address, Some(ip("10.5.0.2")));
    for name in ["web", "db"] {
        let force = crate::container::RemoveOptions { force: true, ..Default::default() };
        case.engine.remove_container(name, force).await.unwrap();
    }
    case.nothing_is_left();
    case.engine.remove_network("back").await.unwrap();
}

#[tokio::test]
async fn lists_and_prunes_look_at_everything() {
    let case = Case::new().await;
    let labelled = CreateNetwork { labels: [("tier".to_owned(), "front".to_owned())].into(), ..asked("front") };
    case.engine.create_network(labelled).await.unwrap();
    case.network("back").await;
    case.network("spare").await;
    case.on("web", &[("back", EndpointSettings::default())]).await;
    let names = async |change: fn(&mut NetworkFilters)| {
        let mut filters = NetworkFilters::default();
        change(&mut filters);
        let all = case.engine.list_networks(filters).await.unwrap();
        all.into_iter().map(|network| network.name).collect::<Vec<_>>()
    };
    assert_eq!(names(|_| {}).await, ["bridge", "host", "none", "front", "back", "spare"]);
    assert_eq!(names(|f| f.kind = vec!["custom".into()]).await, ["front", "back", "spare"]);
    assert_eq!(names(|f| f.label = vec!["tier=front".into()]).await, ["front"]);
    assert_eq!(names(|f| f.dangling = Some(true)).await, ["front", "spare"]);
    assert_eq!(names(|f| f.driver = vec!["null".into()]).await, ["none"]);
    assert_eq!(names(|f| f.scope = vec!["swarm".into()]).await, [""; 0]);
    let keep = NetworkPruneFilters { label_not: vec!["tier".into()], ..NetworkPruneFilters::default() };
    assert_eq!(case.engine.prune_networks(keep).await.unwrap(), ["spare"]);
    assert_eq!(case.engine.prune_networks(NetworkPruneFilters::default()).await.unwrap(), ["front"]);
    assert_eq!(names(|f| f.kind = vec!["custom".into()]).await, ["back"]);
}

#[tokio::test]
async fn a_network_keeps_clear_of_the_hosts_routes_and_moves_when_they_come() {
    let case = Case::new().await;
    case.engine.avoid(vec![net("172.18.0.0/15"), net("0.0.0.0/1")]);
    case.network("first").await;
    let subnet = async |case: &Case, name: &str| case.engine.inspect_network(name).await.unwrap().subnets[0].subnet;
    assert_eq!(subnet(&case, "first").await, net("172.20.0.0/16"));
    case.engine.create_network(with_subnet("given", "10.8.0.0/24")).await.unwrap();
    case.on("busy", &[("first", EndpointSettings::default())]).await;
    case.network("idle").await;
    assert_eq!(subnet(&case, "idle").await, net("172.21.0.0/16"));

    // A VPN comes up.
    case.engine.avoid(vec![net("172.16.0.0/12"), net("10.8.0.0/16")]);
    for name in ["idle", "given", "first"] {
        let aliased = EndpointSettings::default();
        case.engine.connect_network(name, "busy", aliased).await.err();
    }
    assert_eq!(subnet(&case, "first").await, net("172.20.0.0/16"), "somebody is on it");
    assert_eq!(subnet(&case, "given").await, net("10.8.0.0/24"), "the user chose it");
    assert_eq!(subnet(&case, "idle").await, net("192.168.0.0/20"));
    assert_eq!(case.endpoint("busy", "idle").await.address, Some(ip("192.168.0.2")));
    assert_eq!(case.endpoint("busy", "idle").await.gateway, Some(ip("192.168.0.1")));
    let moved = case.network_events().await.into_iter().find(|event| event.action == "update").unwrap();
    assert_eq!((moved.attributes["name"].as_str(), moved.attributes["subnets"].as_str()), ("idle", "192.168.0.0/20"));
    case.run("plain", |_| {}).await;
    assert_eq!(case.endpoint("plain", "bridge").await.address, Some(ip("192.168.16.2")), "the default one moves too");
    let case = case.engine_restarted().await;
    assert_eq!(subnet(&case, "idle").await, net("192.168.0.0/20"));
}

#[tokio::test]
async fn a_container_learns_its_neighbours_and_their_names() {
    let case = Case::new().await;
    case.network("back").await;
    let linked = EndpointSettings { links: vec!["db:sql".into(), "gone:x".into()], ..EndpointSettings::default() };
    let db = case.on("db", &[("back", EndpointSettings { aliases: vec!["store".into()], ..Default::default() })]).await;
    let web = case.on("web", &[("back", linked)]).await;
    case.created("asleep", &[("back", EndpointSettings::default())]).await.unwrap();
    let networks = case.engine.neighbours(&web);
    assert_eq!((networks.len(), networks[0].name.as_str(), networks[0].user_defined), (1, "back", true));
    assert_eq!(networks[0].links, [("sql".to_owned(), db.clone())]);
    let mut names: Vec<_> = networks[0].members.iter().map(|member| (member.names.join(" "), member.v4)).collect();
    names.sort();
    let at = |n| Some(Ipv4Addr::new(172, 18, 0, n));
    assert_eq!(names, [(format!("db store {}", &db[..12]), at(2)), (format!("web {}", &web[..12]), at(3))]);
    case.engine.rename_container("db", "sql2").await.unwrap();
    assert!(case.engine.neighbours(&web)[0].members.iter().any(|member| member.names[0] == "sql2"));
    assert!(case.engine.neighbours("web").is_empty(), "by its id alone");
}

#[tokio::test]
async fn links_of_the_default_network_stand_in_etc_hosts() {
    let case = Case::new().await;
    let db = case.run("db", |_| {}).await;
    let web = case.run("web", |host| host.links = vec!["db:sql".into()]).await;
    let hosts = std::fs::read_to_string(case.dir.path().join(format!("data/containers/{web}/hosts"))).unwrap();
    assert!(hosts.contains(&format!("172.17.0.2\tsql {} db\n", &db[..12])), "{hosts}");
    assert_eq!(case.engine.inspect_container("web").await.unwrap().host.links, ["/db:/web/sql"]);
    case.engine.stop_container("db", Default::default()).await.unwrap();
    case.run("first", |_| {}).await;
    case.engine.start_container("db").await.unwrap();
    let hosts = std::fs::read_to_string(case.dir.path().join(format!("data/containers/{web}/hosts"))).unwrap();
    assert!(hosts.contains("172.17.0.4\tsql ") && !hosts.contains("172.17.0.2\t"), "{hosts}");
    case.engine.stop_container("db", Default::default()).await.unwrap();
    case.engine.stop_container("web", Default::default()).await.unwrap();
    let said = case.engine.start_container("web").await.unwrap_err().to_string();
    assert_eq!(said, "Cannot link to a non running container: /db AS /web/sql");
    let nobody = case.engine.create_container(busybox("x", |host| host.links = vec!["nope".into()])).await.unwrap_err();
    assert_eq!(nobody.to_string(), "could not get container for nope: No such container: nope");
    assert_eq!(nobody.kind(), ErrorKind::InvalidParameter);
}
