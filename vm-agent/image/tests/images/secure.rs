//! Registries with TLS, names and tokens.

use crate::{
    fixture::{FixtureImage, files},
    gate::{self, Kind},
    names,
    registry::{Registry, quiet, store, store_dir},
};
use berth_image::{Credentials, ErrorKind, ImageStore, NetworkConfig, Reference, StoreConfig};
use std::{process::Command, sync::atomic::Ordering};

fn image() -> FixtureImage {
    FixtureImage::new(vec![files(&[("a", b"a")])])
}

/// An authority in `ca.pem`, and its certificate for these names in `cert.pem` and `key.pem`; gives the authority's.
pub(crate) fn certificate(dir: &std::path::Path, names: &str) -> String {
    let authority = ["-subj", "/CN=test authority", "-keyout", "ca-key.pem", "-out", "ca.pem"];
    let server = ["-subj", "/CN=registry.test", "-keyout", "key.pem", "-out", "cert.pem", "-CA", "ca.pem"];
    let names = format!("subjectAltName={names}");
    let server_more = ["-CAkey", "ca-key.pem", "-addext", &names];
    let no_authority = ["-addext", "basicConstraints=critical,CA:FALSE"];
    for arguments in [authority.to_vec(), [&server[..], &server_more, &no_authority].concat()] {
        let made = Command::new("openssl")
            .current_dir(dir)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(arguments)
            .output()
            .expect("openssl is installed (apt install openssl)");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    std::fs::read_to_string(dir.join("ca.pem")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_and_its_certificate_checked() {
    let dir = tempfile::tempdir().unwrap();
    let pem = certificate(dir.path(), "DNS:registry.test");
    let registry = Registry::with_tls(dir.path()).await;
    registry.push("app", "latest", &image()).await;
    let resolver = names::start([127, 0, 153, 1]).await;
    let open = async |network: NetworkConfig| {
        let root = store_dir();
        let store = ImageStore::open(StoreConfig { root: root.path().into(), network }).await.unwrap();
        (store, root)
    };
    let network = NetworkConfig { dns: vec![resolver.address], ..NetworkConfig::default() };
    let name: Reference = format!("registry.test:{}/app", registry.port).parse().unwrap();

    let (stranger, _root) = open(network.clone()).await;
    let error = stranger.pull(&name, None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("x509: certificate signed by unknown authority"), "{error}");
    let error = stranger.pull(&"nowhere.test/app".parse().unwrap(), None, None, quiet()).await.unwrap_err();
    let words = "Get \"https://nowhere.test/v2/\": dial tcp: lookup nowhere.test on 127.0.153.1:53: no such host";
    assert_eq!(error.to_string(), words);

    let (friend, _root) = open(NetworkConfig { ca_roots_pem: vec![pem.clone()], ..network.clone() }).await;
    assert_eq!(friend.pull(&name, None, None, quiet()).await.unwrap().id, image().id());
    let bundle = dir.path().join("bundle.pem");
    std::fs::write(&bundle, pem).unwrap();
    let (friend, _root) = open(NetworkConfig { ca_bundle: Some(bundle), ..network }).await;
    assert_eq!(friend.pull(&name, None, None, quiet()).await.unwrap().id, image().id());

    // The user's own loopback needs no authority, as with docker.
    let test = store().await;
    assert_eq!(test.store.pull(&registry.name("app"), None, None, quiet()).await.unwrap().id, image().id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_with_the_password_and_used() {
    let (registry, test) = (Registry::start().await, store().await);
    registry.push("team/app", "latest", &image()).await;
    let gate = gate::start(registry.port, Kind::Bearer).await;
    let name: Reference = format!("127.0.0.1:{}/team/app", gate.port).parse().unwrap();
    let error = test.store.pull(&name, None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    let wrong = Credentials::Basic { username: "user".into(), password: "wrong".into() };
    let error = test.store.pull(&name, None, Some(&wrong), quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    assert!(!format!("{error} {wrong:?}").contains("wrong"), "no secret in messages");
    let right = Credentials::Basic { username: "user".into(), password: "canary".into() };
    assert_eq!(test.store.pull(&name, None, Some(&right), quiet()).await.unwrap().id, image().id());
    let asked = gate.token_requests.lock().unwrap().clone();
    assert!(asked.iter().all(|path| path.contains("service=gate") && path.contains("repository%3Ateam%2Fapp%3Apull")));
    let before = gate.authorized.load(Ordering::SeqCst);
    let token = Credentials::RegistryToken("t0k3n".into());
    test.store.pull(&name, None, Some(&token), quiet()).await.unwrap();
    assert!(gate.authorized.load(Ordering::SeqCst) > before);
    assert_eq!(gate.token_requests.lock().unwrap().len(), asked.len(), "a given token is not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strange_token_service_gets_no_password() {
    let (registry, test) = (Registry::start().await, store().await);
    registry.push("app", "latest", &image()).await;
    let gate = gate::start(registry.port, Kind::BearerElsewhere).await;
    let name: Reference = format!("127.0.0.1:{}/app", gate.port).parse().unwrap();
    let credentials = Credentials::Basic { username: "user".into(), password: "canary".into() };
    let error = test.store.pull(&name, None, Some(&credentials), quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("which is not its own; nothing was sent"), "{error}");
    assert_eq!(gate.authorized.load(Ordering::SeqCst), 0);
}
