//! Registries that want credentials for someone else (CVE-2020-15157 and its kin): nothing secret leaves its origin.

use crate::{
    fixture::{Blob, FixtureImage, files},
    registry::quiet,
    world::{Answer, Asked, World},
};
use berth_image::{Credentials, ErrorKind, ImageStore, Reference};
use std::sync::Arc;

/// `user:canary`, the password, and a token that lasts.
const SECRETS: [&str; 3] = ["dXNlcjpjYW5hcnk=", "canary", "l4st1ng"];

fn everyone() -> [Option<Credentials>; 4] {
    [
        None,
        Some(Credentials::Basic { username: "user".into(), password: "canary".into() }),
        Some(Credentials::IdentityToken("l4st1ng".into())),
        Some(Credentials::RegistryToken("l4st1ng".into())),
    ]
}

fn name() -> Reference {
    "registry.test/app".parse().unwrap()
}

fn image() -> FixtureImage {
    FixtureImage::new(vec![files(&[("a", b"a")])])
}

fn unauthorized(challenge: &str) -> Answer {
    (401, format!("www-authenticate: {challenge}\r\n"), vec![])
}

fn redirect(to: &str) -> Answer {
    (307, format!("location: {to}\r\n"), vec![])
}

/// Who was told a secret, apart from the registry itself.
fn told(seen: &[Asked]) -> Vec<&Asked> {
    let secret = |asked: &&Asked| SECRETS.iter().any(|secret| asked.text.contains(secret));
    seen.iter().filter(secret).filter(|asked| asked.origin != "https://registry.test").collect()
}

/// The registry as it should be, for whoever shows anything.
fn honest(image: &FixtureImage, asked: &Asked) -> Answer {
    if !asked.text.to_lowercase().contains("\r\nauthorization: ") {
        return unauthorized("Basic realm=\"x\"");
    }
    let blobs: Vec<&Blob> = image.layers.iter().map(|layer| &layer.blob).chain([&image.config]).collect();
    match asked.path.rsplit('/').next() {
        Some("") => (200, String::new(), vec![]),
        Some("latest") => (200, format!("content-type: {}\r\n", image.media_type), image.manifest.clone()),
        digest => match blobs.iter().find(|blob| Some(blob.digest.to_string().as_str()) == digest) {
            Some(blob) => (200, String::new(), blob.bytes.clone()),
            None => (404, String::new(), vec![]),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_elsewhere_gets_nothing_and_is_not_even_asked() {
    let realm = Arc::new(std::sync::Mutex::new(String::new()));
    let answered = realm.clone();
    let world = World::start(move |asked| match asked.origin.as_str() {
        "https://registry.test" => {
            let realm = answered.lock().unwrap().clone();
            unauthorized(&format!("Bearer realm=\"{realm}\",service=\"s\",scope=\"registry:catalog:*\""))
        }
        // Whoever else is asked plays along.
        _ => (200, String::new(), br#"{"token":"t"}"#.to_vec()),
    })
    .await;
    let (store, _root) = world.store().await;
    let loopback = world.loopback;
    for to in [
        format!("https://127.0.0.1:{loopback}/token"),
        format!("http://127.0.0.1:{loopback}/token"),
        format!("http://localhost:{loopback}/token"),
        "https://10.99.0.1/token".into(),
        "http://10.99.0.1/token".into(),
        "https://169.254.169.254/latest/meta-data".into(),
        "http://169.254.169.254/latest/meta-data".into(),
        "http://registry.test/token".into(),
        "https://evil.test/token".into(),
        "http://evil.test/token".into(),
    ] {
        realm.lock().unwrap().clone_from(&to);
        for credentials in everyone() {
            let fails = async |store: &ImageStore| {
                let pulled = store.pull(&name(), None, credentials.as_ref(), quiet()).await;
                let mut errors = vec![pulled.unwrap_err()];
                if let Some(credentials) = &credentials {
                    errors.push(store.log_in("registry.test", credentials).await.unwrap_err());
                }
                errors
            };
            for error in fails(&store).await {
                let said = error.to_string();
                assert!(SECRETS.iter().all(|secret| !said.contains(secret)), "{to}: {said}");
                let token_given = matches!(credentials, Some(Credentials::RegistryToken(_)));
                let refused = error.kind() == ErrorKind::Unauthorized && said.contains("nothing was sent");
                let harmless =
                    credentials.is_none() && (to.starts_with("https://10.") || to.starts_with("https://evil"));
                assert!(refused || token_given || harmless, "{to}: {said}");
            }
            let seen = world.take();
            assert!(told(&seen).is_empty(), "{to}: {:?}", told(&seen));
            let others: Vec<_> = seen.iter().filter(|asked| asked.origin != "https://registry.test").collect();
            let anonymous = credentials.is_none() && (to.starts_with("https://10.") || to.starts_with("https://evil"));
            assert!(others.is_empty() || anonymous, "{to}: {others:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_takes_no_secret_along_and_none_leads_home_or_out_of_tls() {
    let image = image();
    let to = Arc::new(std::sync::Mutex::new(String::new()));
    let (answered, played) = (to.clone(), image.clone());
    let world = World::start(move |asked| match asked.origin.as_str() {
        "https://registry.test" if asked.path.contains(&played.layers[0].blob.digest.to_string()) => {
            redirect(&answered.lock().unwrap())
        }
        "https://registry.test" => honest(&played, asked),
        // The blob is there for nobody who shows nothing.
        "https://evil.test" => unauthorized("Basic realm=\"y\", Bearer realm=\"https://registry.test/token\""),
        _ => (200, String::new(), played.layers[0].blob.bytes.clone()),
    })
    .await;
    let (store, _root) = world.store().await;
    let loopback = world.loopback;
    for (to_where, comes) in [
        ("https://cdn.test/blob".to_owned(), true),
        ("https://evil.test/blob".into(), false),
        ("http://registry.test/blob".into(), false),
        ("http://cdn.test/blob".into(), false),
        (format!("https://127.0.0.1:{loopback}/blob"), false),
        (format!("http://localhost:{loopback}/blob"), false),
        ("https://169.254.169.254/blob".into(), false),
    ] {
        to.lock().unwrap().clone_from(&to_where);
        for credentials in everyone().into_iter().flatten().filter(|c| !matches!(c, Credentials::IdentityToken(_))) {
            let pulled = store.pull(&name(), None, Some(&credentials), quiet()).await;
            assert_eq!(pulled.is_ok(), comes, "{to_where}: {:?}", pulled.err());
            let seen = world.take();
            assert!(told(&seen).is_empty(), "{to_where}: {:?}", told(&seen));
            let host = to_where.split("/blob").next().unwrap();
            let asked = seen.iter().any(|asked| asked.origin == host || asked.origin.ends_with("loopback"));
            assert_eq!(asked, comes || host == "https://evil.test", "{to_where}");
            if comes {
                store.remove(&name().familiar(), true, &|_| None).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_urls_of_a_foreign_layer_are_not_read() {
    let mut image = image();
    let text = String::from_utf8(image.manifest.clone()).unwrap();
    let foreign = text.replace(
        "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\"",
        "\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip\",\"urls\":[\"https://evil.test/layer\",\"http://169.254.169.254/\"]",
    );
    assert_ne!(foreign, text);
    image.manifest = foreign.into_bytes();
    let played = image.clone();
    let world = World::start(move |asked| honest(&played, asked)).await;
    let (store, _root) = world.store().await;
    let [_, basic, ..] = everyone();
    assert_eq!(store.pull(&name(), None, basic.as_ref(), quiet()).await.unwrap().id, image.id());
    let seen = world.take();
    assert!(seen.iter().all(|asked| asked.origin == "https://registry.test"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_sent_elsewhere_takes_no_secret_along() {
    let image = image();
    let archive = crate::load::docker_archive(&image, &["registry.test/app:latest"]);
    let world = World::start(|asked| match (asked.origin.as_str(), asked.method.as_str()) {
        ("https://registry.test", "GET") if asked.text.to_lowercase().contains("\r\nauthorization: ") => {
            (200, String::new(), vec![])
        }
        ("https://registry.test", "GET") => unauthorized("Basic realm=\"x\""),
        ("https://registry.test", "HEAD") => (404, String::new(), vec![]),
        ("https://registry.test", "POST") => (202, "location: https://evil.test/upload\r\n".into(), vec![]),
        _ => unauthorized("Basic realm=\"x\""),
    })
    .await;
    let (store, _root) = world.store().await;
    store.load(&archive[..], None, Arc::new(|_| {})).await.unwrap();
    for credentials in everyone() {
        let name = name().or_latest();
        assert!(store.push(&name, None, credentials.as_ref(), Arc::new(|_| {})).await.is_err());
        let seen = world.take();
        assert!(told(&seen).is_empty(), "{:?}", told(&seen));
    }
}
