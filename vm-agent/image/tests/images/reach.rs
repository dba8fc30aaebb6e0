//! How registries are reached: mirrors, insecure ones, certificates of their own, proxies, logins.

use crate::{
    fixture::{DOCKER, FixtureImage, OCI, OCI_INDEX, files, index},
    gate::{self, Kind},
    names,
    registry::{Registry, quiet, store, store_dir},
    secure::certificate,
    world::World,
};
use berth_image::{
    ClientCertificate, Credentials, Digest, ErrorKind, Found, ImageStore, NetworkConfig, ProxySettings, Reference,
    RegistryCertificates, StoreConfig,
};
use std::{collections::BTreeMap, sync::atomic::Ordering};

fn image(content: &[u8]) -> FixtureImage {
    FixtureImage::new(vec![files(&[("a", content)])])
}

async fn open(network: NetworkConfig) -> (ImageStore, tempfile::TempDir) {
    let root = store_dir();
    (ImageStore::open(StoreConfig { root: root.path().into(), network }).await.unwrap(), root)
}

fn password(password: &str) -> Credentials {
    Credentials::Basic { username: "user".into(), password: password.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrors_are_asked_in_order_without_credentials_and_for_docker_io_alone() {
    let (empty, full) = (Registry::start().await, Registry::start().await);
    let (shared, own) = (image(b"mirrored"), image(b"own"));
    full.push("library/app", "latest", &shared).await;
    full.push("other", "latest", &own).await;
    // It lets nobody in who shows nothing, and must be shown nothing.
    let gate = gate::start(full.port, Kind::Bearer).await;
    let mirror = |port: u16| format!("http://127.0.0.1:{port}/");
    let network = NetworkConfig {
        mirrors: vec![mirror(1), mirror(gate.port), mirror(empty.port), mirror(full.port)],
        ..NetworkConfig::default()
    };
    let (store, _root) = open(network).await;
    let pulled = store.pull(&"app".parse().unwrap(), None, Some(&password("canary")), quiet()).await.unwrap();
    assert_eq!((pulled.id, pulled.tags[0].familiar()), (shared.id(), "app:latest".into()));
    assert_eq!(gate.authorized.load(Ordering::SeqCst), 0);
    assert!(gate.token_requests.lock().unwrap().iter().all(|path| !path.contains("account=")));
    let elsewhere: Reference = format!("127.0.0.1:{}/library/app", empty.port).parse().unwrap();
    assert_eq!(store.pull(&elsewhere, None, None, quiet()).await.unwrap_err().kind(), ErrorKind::NotFound);
    // What no mirror has is asked of docker.io itself, which cannot be reached from here.
    let error = store.pull(&"missing".parse().unwrap(), None, None, quiet()).await.unwrap_err();
    assert!(error.to_string().contains("https://registry-1.docker.io/v2/"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insecure_registry_is_reached_by_name_and_by_range_with_and_without_tls() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "DNS:registry.test");
    let (plain, tls) = (Registry::start().await, Registry::with_tls(dir.path()).await);
    let resolver = names::start([127, 0, 153, 2]).await;
    let network = NetworkConfig { dns: vec![resolver.address], ..NetworkConfig::default() };
    let (strict, _root) = open(network.clone()).await;
    for (registry, refusal) in [
        (&plain, "http: server gave HTTP response to HTTPS client"),
        (&tls, "x509: certificate signed by unknown authority"),
    ] {
        registry.push("app", "latest", &image(b"a")).await;
        let host = format!("registry.test:{}", registry.port);
        let name: Reference = format!("{host}/app").parse().unwrap();
        let error = strict.pull(&name, None, None, quiet()).await.unwrap_err().to_string();
        assert!(error.contains(refusal), "{error}");
        for insecure in [host, "127.0.0.0/30".into()] {
            let (store, _root) = open(NetworkConfig { insecure: vec![insecure], ..network.clone() }).await;
            assert_eq!(store.pull(&name, None, None, quiet()).await.unwrap().id, image(b"a").id());
        }
        let others = vec!["registry.test".into(), "other.test".into(), "10.0.0.0/8".into()];
        let (store, _root) = open(NetworkConfig { insecure: others, ..network.clone() }).await;
        assert!(store.pull(&name, None, None, quiet()).await.is_err(), "another port, name and range");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_has_an_authority_and_wants_a_certificate_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let authority = certificate(dir.path(), "DNS:registry.test");
    let path = dir.path().display();
    let more =
        format!("  tls:\n    certificate: {path}/cert.pem\n    key: {path}/key.pem\n    clientcas: [{path}/ca.pem]\n");
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    // The server's own pair does for a client: it is the same authority's.
    let client = ClientCertificate { chain: read("cert.pem"), key: read("key.pem") };
    let registry = Registry::with_client_certificates(&more, dir.path()).await;
    registry.push("app", "latest", &image(b"a")).await;
    let resolver = names::start([127, 0, 153, 3]).await;
    let host = format!("registry.test:{}", registry.port);
    let name: Reference = format!("{host}/app").parse().unwrap();
    let with = async |host: &str, own: RegistryCertificates| {
        let certificates = BTreeMap::from([(host.to_owned(), own)]);
        let (store, _root) =
            open(NetworkConfig { dns: vec![resolver.address], certificates, ..NetworkConfig::default() }).await;
        store.pull(&name, None, None, quiet()).await.map(|image| image.id).map_err(|error| error.to_string())
    };
    let own = RegistryCertificates { authorities: vec![authority], client: Some(client.clone()) };
    assert_eq!(with(&host, own.clone()).await, Ok(image(b"a").id()));
    let error = with(&host, RegistryCertificates { client: None, ..own.clone() }).await.unwrap_err();
    assert!(error.contains("tls"), "{error}");
    let error = with(&host, RegistryCertificates { authorities: vec![], ..own.clone() }).await.unwrap_err();
    assert!(error.contains("x509: certificate signed by unknown authority"), "{error}");
    let error = with("other.test", own.clone()).await.unwrap_err();
    assert!(error.contains("x509: certificate signed by unknown authority"), "another registry's: {error}");
    let broken = ClientCertificate { key: "-----BEGIN PRIVATE KEY-----\ncanary\n".into(), ..client };
    let error = with(&host, RegistryCertificates { client: Some(broken), ..own }).await.unwrap_err();
    assert!(
        error.starts_with(&format!("the certificates in certs.d/{host} cannot be used: the client's key")),
        "{error}"
    );
    assert!(!error.contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_its_own_authority_is_taken_where_it_was_put() {
    let dir = tempfile::tempdir().unwrap();
    for (folder, name) in [("right", "registry.test"), ("wrong", "other.test")] {
        let folder = dir.path().join(folder);
        std::fs::create_dir(&folder).unwrap();
        certificate(&folder, "DNS:unused");
        let made = std::process::Command::new("openssl")
            .current_dir(&folder)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=x", "-addext", &format!("subjectAltName=DNS:{name}"), "-keyout", "key.pem"])
            .args(["-out", "cert.pem"])
            .output()
            .unwrap();
        assert!(made.status.success());
        let registry = Registry::with_tls(&folder).await;
        registry.push("app", "latest", &image(b"a")).await;
        let resolver = names::start([127, 0, 153, if name == "registry.test" { 5 } else { 6 }]).await;
        let host = format!("registry.test:{}", registry.port);
        let reference: Reference = format!("{host}/app").parse().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        for (authority, comes) in [(read("cert.pem"), name == "registry.test"), (read("ca.pem"), false)] {
            let own = RegistryCertificates { authorities: vec![authority], client: None };
            let certificates = BTreeMap::from([(host.clone(), own)]);
            let network = NetworkConfig { dns: vec![resolver.address], certificates, ..NetworkConfig::default() };
            let (store, _root) = open(network).await;
            let pulled = store.pull(&reference, None, None, quiet()).await;
            assert_eq!(pulled.is_ok(), comes, "{name}: {:?}", pulled.err());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_used_for_others_than_the_loopback_and_those_who_are_named() {
    let registry = Registry::start().await;
    registry.push("app", "latest", &image(b"a")).await;
    let resolver = names::start([127, 0, 153, 4]).await;
    let host = format!("registry.test:{}", registry.port);
    let name: Reference = format!("{host}/app").parse().unwrap();
    let nowhere = "http://me:canary@127.0.0.1:1".to_owned();
    let with = async |no_proxy: &str, name: &Reference| {
        let proxies =
            ProxySettings { http_proxy: nowhere.clone(), https_proxy: nowhere.clone(), no_proxy: no_proxy.into() };
        let network = NetworkConfig {
            dns: vec![resolver.address],
            insecure: vec![host.clone()],
            proxies,
            ..NetworkConfig::default()
        };
        let (store, _root) = open(network).await;
        store.pull(name, None, None, quiet()).await.map(|image| image.id).map_err(|error| error.to_string())
    };
    let error = with("", &name).await.unwrap_err();
    assert!(error.contains("connection refused") && !error.contains("canary"), "{error}");
    assert_eq!(with("", &registry.name("app")).await, Ok(image(b"a").id()));
    for no_proxy in ["registry.test", "other.test, .test", "*"] {
        assert_eq!(with(no_proxy, &name).await, Ok(image(b"a").id()), "{no_proxy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_tells_right_from_wrong_and_gives_the_token_that_lasts() {
    let (registry, test) = (Registry::start().await, store().await);
    registry.push("app", "latest", &image(b"a")).await;
    let basic = gate::start(registry.port, Kind::Basic { blobs: registry.port }).await;
    let server = format!("127.0.0.1:{}", basic.port);
    assert_eq!(test.store.log_in(&server, &password("canary")).await.unwrap(), None);
    let error = test.store.log_in(&format!("http://{server}/v2/"), &password("wrong")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(error.to_string(), format!("login attempt to http://{server}/v2/ failed with status: 401 Unauthorized"));

    let bearer = gate::start(registry.port, Kind::Bearer).await;
    let server = format!("127.0.0.1:{}", bearer.port);
    let error = test.store.log_in(&server, &password("wrong")).await.unwrap_err();
    let expected = format!("Get \"http://{server}/v2/\": unauthorized: incorrect username or password");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Unauthorized, expected));
    let lasting = test.store.log_in(&server, &password("canary")).await.unwrap();
    assert_eq!(lasting.as_deref(), Some("l4st1ng"));
    let name: Reference = format!("{server}/app").parse().unwrap();
    let token = Credentials::IdentityToken("l4st1ng".into());
    assert_eq!(test.store.pull(&name, None, Some(&token), quiet()).await.unwrap().id, image(b"a").id());
    let wrong = Credentials::IdentityToken("0ld".into());
    let error = test.store.pull(&name, None, Some(&wrong), quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_has_is_described_without_fetching_it() {
    let (registry, test) = (Registry::start().await, store().await);
    let (amd, arm) = (image(b"amd"), FixtureImage::of(vec![files(&[("a", b"arm")])], "arm64", DOCKER));
    for (tag, image) in [("amd", &amd), ("arm", &arm)] {
        registry.push("app", tag, image).await;
    }
    let both = index(&[("amd64", &amd), ("arm64", &arm)]);
    registry.push_manifest("app", "latest", &both, OCI_INDEX).await;
    for (name, media_type, bytes, platforms) in [
        ("app", OCI_INDEX, &both, vec!["amd64", "arm64"]),
        ("app:amd", OCI, &amd.manifest, vec!["amd64"]),
        ("app:arm", DOCKER, &arm.manifest, vec!["arm64"]),
    ] {
        let described = test.store.describe(&registry.name(name), None).await.unwrap();
        assert_eq!((described.media_type.as_str(), described.digest), (media_type, Digest::of(bytes)), "{name}");
        assert_eq!(described.size, bytes.len() as u64);
        assert!(described.platforms.iter().all(|platform| platform.os == "linux"));
        assert_eq!(described.platforms.iter().map(|p| p.architecture.as_str()).collect::<Vec<_>>(), platforms);
    }
    assert_eq!(test.counts(), (0, 0, 0));
    let error = test.store.describe(&registry.name("app:none"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_lists_a_registry_and_asks_docker_io() {
    let (registry, test) = (Registry::start().await, store().await);
    for name in ["team/app", "team/other", "app-two"] {
        registry.push(name, "latest", &image(b"a")).await;
    }
    let host = format!("127.0.0.1:{}", registry.port);
    let names = async |term: &str, limit| -> Vec<String> {
        let found = test.store.search(&format!("{host}/{term}"), limit, None).await.unwrap();
        found.into_iter().map(|found| found.name.replace(&host, "HOST")).collect()
    };
    assert_eq!(names("app", 25).await, ["HOST/app-two", "HOST/team/app"]);
    assert_eq!(names("", 25).await.len(), 3);
    assert_eq!(names("", 1).await.len(), 1);
    let gate = gate::start(registry.port, Kind::Basic { blobs: 1 }).await;
    let term = format!("127.0.0.1:{}/app", gate.port);
    assert_eq!(test.store.search(&term, 25, None).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(test.store.search(&term, 25, Some(&password("canary"))).await.unwrap().len(), 2);

    let world = World::start(|_| {
        let answer = r#"{"num_results":2,"query":"x","results":[
            {"name":"nginx","description":"a server","star_count":7,"is_official":true,"is_automated":false},
            {"name":"me/nginx","star_count":0}]}"#;
        (200, String::new(), answer.into())
    })
    .await;
    let (store, _root) = world.store().await;
    let found = store.search("library/nginx", 25, Some(&password("canary"))).await.unwrap();
    let first = Found { name: "nginx".into(), description: "a server".into(), star_count: 7, is_official: true };
    assert_eq!((found.len(), &found[0]), (2, &first));
    let seen = world.take();
    assert_eq!(
        (seen[0].origin.as_str(), seen[0].path.as_str()),
        ("https://index.docker.io", "/v1/search?q=nginx&n=25")
    );
    assert!(!seen[0].text.contains("dXNlcjpjYW5hcnk="), "a search shows no login");
    assert!(
        test.store
            .search("https://nginx", 25, None)
            .await
            .unwrap_err()
            .to_string()
            .starts_with("invalid repository name")
    );
}
