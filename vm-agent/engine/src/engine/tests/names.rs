//! Which names a container can resolve.

use super::*;
use crate::container::{EndpointSettings, NetworkMode};
use std::net::IpAddr;

impl Case {
    async fn run_on(&self, network: &str, name: &str, aliases: &[&str]) -> String {
        let mut request = busybox(name, |host| host.network_mode = NetworkMode::Named(network.into()));
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        let settings = EndpointSettings { aliases, ..EndpointSettings::default() };
        request.networks = [(network.to_owned(), settings)].into();
        let id = self.engine.create_container(request).await.unwrap().id;
        self.engine.start_container(&id).await.unwrap();
        id
    }

    async fn address(&self, name: &str, network: &str) -> IpAddr {
        let endpoints = self.engine.inspect_container(name).await.unwrap().network.networks;
        endpoints[network].address.unwrap()
    }

    fn resolv_conf(&self, id: &str) -> String {
        std::fs::read_to_string(self.dir.path().join("data/containers").join(id).join("resolv.conf")).unwrap()
    }
}

#[tokio::test]
async fn a_container_resolves_who_runs_on_its_networks_and_an_engine_that_is_replaced_goes_on() {
    let case = Case::new().await;
    case.network("shop").await;
    case.run_on("shop", "one", &["web"]).await;
    let two = case.run_on("shop", "two", &["web"]).await;
    let client = case.run_on("shop", "client", &[]).await;
    let ask = |case: &Case, name: &str| case.fakes.names.ask(&client, name);
    let (first, second) = (case.address("one", "shop").await, case.address("two", "shop").await);
    let mut both = ask(&case, "web").unwrap().unwrap();
    both.sort();
    assert_eq!(both, [first, second]);
    assert_eq!(ask(&case, &two[..12]), Some(Some(vec![second])));
    assert_eq!(ask(&case, "elsewhere"), Some(None));
    assert_eq!(case.fakes.names.outside(&client), ["10.0.2.3:53".parse().unwrap()]);
    assert_eq!(case.resolv_conf(&client), "nameserver 127.0.0.11\noptions ndots:0\n");

    case.engine.kill_container("two", Some("KILL")).await.unwrap();
    case.until("two", ContainerState::Exited).await;
    assert_eq!(ask(&case, "web"), Some(Some(vec![first])));
    assert_eq!(case.fakes.names.ask(&two, "web"), None, "its name server is closed");
    case.engine.rename_container("one", "uno").await.unwrap();
    assert_eq!(ask(&case, "uno.shop"), Some(Some(vec![first])));

    let case = case.engine_restarted().await;
    assert_eq!(ask(&case, "web"), Some(Some(vec![first])));
}

#[tokio::test]
async fn a_container_of_the_default_network_asks_the_machines_servers_until_it_comes_to_a_users_network() {
    let case = Case::new().await;
    case.network("shop").await;
    case.run_on("shop", "web", &[]).await;
    let plain = case.run("plain", |_| {}).await;
    assert_eq!(case.fakes.names.ask(&plain, "web"), None);
    assert_eq!(case.resolv_conf(&plain), "nameserver 10.0.2.3\n");

    case.engine.connect_network("shop", "plain", EndpointSettings::default()).await.unwrap();
    let address = case.address("web", "shop").await;
    assert_eq!(case.fakes.names.ask(&plain, "web"), Some(Some(vec![address])));
    assert_eq!(case.resolv_conf(&plain), "nameserver 127.0.0.11\noptions ndots:0\n");

    case.engine.disconnect_network("shop", "plain").await.unwrap();
    assert_eq!(case.fakes.names.ask(&plain, "web"), Some(None), "the server stays, and knows nobody");
}

#[tokio::test]
async fn name_servers_that_a_container_asks_for_are_those_of_the_outside() {
    let case = Case::new().await;
    case.network("shop").await;
    let mut request = busybox("own", |host| {
        host.network_mode = NetworkMode::Named("shop".into());
        host.dns = vec![[9, 9, 9, 9].into()];
    });
    request.networks = [("shop".to_owned(), EndpointSettings::default())].into();
    let id = case.engine.create_container(request).await.unwrap().id;
    case.engine.start_container(&id).await.unwrap();
    assert_eq!(case.fakes.names.outside(&id), ["9.9.9.9:53".parse().unwrap()]);
    assert!(case.resolv_conf(&id).starts_with("nameserver 127.0.0.11\n"));
}
