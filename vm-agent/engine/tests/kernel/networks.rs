use crate::ground::{Ground, on_own_ground, run, shell};
use berth_engine::{
    Engine,
    container::{EndpointSettings, NetworkMode, RemoveOptions},
    network::CreateNetwork,
};

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: true };

/// Fetches the page of the server on `back`, as soon as somebody serves it; nothing after three seconds without an answer.
async fn page(engine: &Engine) -> String {
    let db = engine.inspect_container("db").await.unwrap().network.networks["back"].address.unwrap();
    // Debian's static busybox has no wget that lives.
    let ask = format!("echo -e 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {db} 80 | grep hello && break");
    format!("for i in $(seq 300); do {ask}; sleep 0.1; done")
}

async fn network(engine: &Engine, name: &str, ipv6: bool) {
    let request = CreateNetwork { name: name.into(), ipv6: Some(ipv6), ..CreateNetwork::default() };
    engine.create_network(request).await.unwrap();
}

async fn start(engine: &Engine, name: &str, line: &str, network: &str, userns: &str) {
    let request = shell(name, line, |_, host| {
        host.network_mode = NetworkMode::Named(network.into());
        host.userns_mode = userns.into();
    });
    let id = engine.create_container(request).await.unwrap().id;
    engine.start_container(&id).await.unwrap();
}

/// What a program sees that is on the network of the container `web`.
async fn seen(engine: &Engine, line: &str) -> String {
    let seen = run(engine, "probe", line, |_, host| host.network_mode = NetworkMode::Container("web".into())).await.0;
    engine.remove_container("probe", FORCE).await.unwrap();
    seen
}

async fn clear(engine: &Engine, ground: &Ground) {
    for name in ["web", "db"] {
        engine.remove_container(name, FORCE).await.unwrap();
    }
    ground.nothing_runs();
    assert_eq!(engine.prune_networks(Default::default()).await.unwrap(), ["front", "back"]);
    let links =
        String::from_utf8(std::process::Command::new("ip").args(["-o", "link"]).output().unwrap().stdout).unwrap();
    assert!(!links.contains("br-"), "{links}");
}

#[test]
fn a_running_container_comes_to_a_network_stays_there_when_the_engine_dies_and_leaves_it() {
    on_own_ground(|ground| async move {
        drop(ground.engine_with_busybox().await);
        ground.engine_that_dies(|engine| async move {
            network(&engine, "front", true).await;
            network(&engine, "back", false).await;
            start(&engine, "db", "httpd -f -p 80 -h /www", "back", "").await;
            start(&engine, "web", "sleep 1000", "front", "").await;
            let refused = page(&engine).await.replace("300", "2");
            let cut_off = seen(&engine, &refused).await;
            assert!(!cut_off.contains("hello"), "two networks reach each other: {cut_off}");
            engine.connect_network("back", "web", EndpointSettings::default()).await.unwrap();
            assert_eq!(seen(&engine, &page(&engine).await).await, "hello from the image\n");
            let named = seen(&engine, "ping -c 1 -W 3 db").await;
            assert!(named.contains("1 packets received"), "{named}");
            let addresses = seen(&engine, "ip -o addr").await;
            assert!(addresses.contains("eth1") && addresses.contains("inet6 fd"), "{addresses}");
        });
        let engine = ground.engine().await;
        assert_eq!(
            seen(&engine, &page(&engine).await).await,
            "hello from the image\n",
            "another engine, the same networks"
        );
        engine.disconnect_network("back", "web").await.unwrap();
        let addresses = seen(&engine, "ip -o addr; ip route; cat /etc/hosts").await;
        assert!(!addresses.contains("eth1") && !addresses.contains("172.19.0"), "{addresses}");
        assert!(engine.remove_network("back").await.is_err(), "the other one is still there");
        clear(&engine, &ground).await;
    });
}

#[test]
fn one_with_users_of_its_own_is_on_networks_like_any_other() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        network(&engine, "front", true).await;
        network(&engine, "back", true).await;
        start(&engine, "db", "httpd -f -p 80 -h /www", "back", "").await;
        let line = page(&engine).await + "; sleep 1000";
        start(&engine, "web", &line, "front", "auto").await;
        engine.connect_network("back", "web", EndpointSettings::default()).await.unwrap();
        let web = engine.inspect_container("web").await.unwrap().network.networks["back"].clone();
        assert!(web.address.is_some() && web.address6.is_some());
        let reached = async {
            while !crate::ground::output(&engine, "web").await.contains("hello from the image") {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), reached).await.unwrap();
        engine.disconnect_network("back", "web").await.unwrap();
        clear(&engine, &ground).await;
    });
}
