use crate::{
    fixture::{FixtureImage, OCI, files, layer, noise, tar},
    gate::{self, Kind},
    proxy::{self, Fault, Proxy},
    registry::{Registry, TestStore, quiet, store},
};
use berth_image::{Credentials, Digest, ErrorKind, ImageError, Reference};
use std::sync::atomic::Ordering;

/// An image whose second layer has 300 KB, behind a proxy with a fault.
async fn behind(about: &'static str, fault: Fault) -> (Registry, Proxy, TestStore, Reference, FixtureImage) {
    let registry = Registry::start().await;
    let big = layer(tar(&[("big", &noise(300_000, 7))]), crate::fixture::Compression::Gzip);
    let image = FixtureImage::new(vec![files(&[("a", b"a")]), big]);
    registry.push("app", "latest", &image).await;
    let proxy = proxy::start(registry.port, about, fault).await;
    let name = format!("127.0.0.1:{}/app", proxy.port).parse().unwrap();
    (registry, proxy, store().await, name, image)
}

/// The path of the big layer cannot be known before it is made, so it is found by what all blobs share.
async fn pull(about: &'static str, fault: Fault) -> (ImageError, (usize, usize, usize)) {
    let (_registry, _proxy, test, name, _) = behind(about, fault).await;
    let error = test.store.pull(&name, None, None, quiet()).await.unwrap_err();
    (error, test.counts())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turned_bit_is_noticed_wherever_it_is() {
    for about in ["/manifests/", "/blobs/"] {
        let (error, counts) = pull(about, Fault::Flip).await;
        assert_eq!(error.kind(), ErrorKind::Damaged, "{about}: {error}");
        assert!(error.to_string().contains("pull the image again"), "{error}");
        assert_eq!(counts, (0, 0, 0), "{about}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turned_bit_in_a_layer_is_damage_and_not_a_strange_archive() {
    let registry = Registry::start().await;
    let image = FixtureImage::new(vec![layer(tar(&[("big", &noise(300_000, 7))]), crate::fixture::Compression::Gzip)]);
    registry.push("app", "latest", &image).await;
    let about: &'static str = Box::leak(image.layers[0].blob.digest.to_string().into_boxed_str());
    let proxy = proxy::start(registry.port, about, Fault::Flip).await;
    let test = store().await;
    let name = format!("127.0.0.1:{}/app", proxy.port).parse().unwrap();
    let error = test.store.pull(&name, None, None, quiet()).await.unwrap_err();
    assert!(
        matches!(error, ImageError::DigestMismatch { expected, .. } if expected == image.layers[0].blob.digest),
        "{error}"
    );
    assert_eq!(test.counts(), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_is_taken_up_where_it_broke() {
    let registry = Registry::start().await;
    let content = noise(300_000, 7);
    let image = FixtureImage::new(vec![layer(tar(&[("big", &content)]), crate::fixture::Compression::Gzip)]);
    registry.push("app", "latest", &image).await;
    let about: &'static str = Box::leak(image.layers[0].blob.digest.to_string().into_boxed_str());
    let proxy = proxy::start(registry.port, about, Fault::Cut { after: 100_000, times: 2 }).await;
    let test = store().await;
    let name = format!("127.0.0.1:{}/app", proxy.port).parse().unwrap();
    let pulled = test.store.pull(&name, None, None, quiet()).await.unwrap();
    assert_eq!(std::fs::read(test.diff(&pulled.layers[0].chain_id).join("big")).unwrap(), content);
    assert_eq!(proxy.hits.load(Ordering::SeqCst), 3, "two broken answers and the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_never_finishes_is_given_up() {
    let registry = Registry::start().await;
    let image = FixtureImage::new(vec![layer(tar(&[("big", &noise(300_000, 7))]), crate::fixture::Compression::Gzip)]);
    registry.push("app", "latest", &image).await;
    let about: &'static str = Box::leak(image.layers[0].blob.digest.to_string().into_boxed_str());
    let proxy = proxy::start(registry.port, about, Fault::Cut { after: 10, times: u32::MAX }).await;
    let test = store().await;
    let name = format!("127.0.0.1:{}/app", proxy.port).parse().unwrap();
    let error = test.store.pull(&name, None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(test.counts(), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_registry_is_given_time() {
    for (about, status) in [("/manifests/", 429), ("/manifests/", 503), ("/blobs/", 502)] {
        let (_registry, proxy, test, name, _) = behind(about, Fault::Busy { status, times: 2 }).await;
        test.store.pull(&name, None, None, quiet()).await.unwrap();
        assert!(proxy.hits.load(Ordering::SeqCst) > 2, "{about} {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_registry_is_told_with_its_status() {
    for (status, words) in [(503, "503 Service Unavailable"), (429, "toomanyrequests")] {
        let (error, counts) = pull("/manifests/", Fault::Status(status)).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(counts, (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_followed_without_the_credentials() {
    // The registry wants a password; its blobs are elsewhere, where the password must not arrive.
    let passwords = tempfile::NamedTempFile::new().unwrap();
    let hash = "$2y$05$GmWGoTVuYQl/6ZvTZqwrDeDWJXgyWtxMh0sA6nB1ZPgLJL7a3DcY.";
    std::fs::write(passwords.path(), format!("user:{hash}\n")).unwrap();
    let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", passwords.path().display());
    let closed = Registry::with(&auth).await;
    let test = store().await;
    let error = test.store.pull(&closed.name("app"), None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().starts_with("no basic auth credentials"), "{error}");

    let (registry, elsewhere, _, _, image) = behind("nothing", Fault::Status(500)).await;
    let gate = gate::start(registry.port, Kind::Basic { blobs: elsewhere.port }).await;
    let name: Reference = format!("127.0.0.1:{}/app", gate.port).parse().unwrap();
    let credentials = Credentials::Basic { username: "user".into(), password: "canary".into() };
    let pulled = test.store.pull(&name, None, Some(&credentials), quiet()).await.unwrap();
    assert_eq!(pulled.id, image.id());
    assert!(gate.authorized.load(Ordering::SeqCst) > 0, "the registry itself got them");
    assert_eq!(elsewhere.hits.load(Ordering::SeqCst), 0);
    assert_eq!(elsewhere.authorized.load(Ordering::SeqCst), 0, "nobody else did");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_for_two_things_is_refused() {
    // The server refuses to store such a document, so a proxy would have to serve it: the parser's own tests cover the
    // rest, this one that a layer may not pass for something of another size.
    let registry = Registry::start().await;
    let mut image = FixtureImage::new(vec![files(&[("a", b"a")])]);
    let size = image.layers[0].blob.bytes.len();
    let text = String::from_utf8(image.manifest.clone()).unwrap();
    image.manifest = text.replace(&format!("\"size\":{size}"), &format!("\"size\":{}", size - 1)).into_bytes();
    assert_ne!(Digest::of(&image.manifest), Digest::of(text.as_bytes()));
    registry.push("app", "latest", &image).await;
    let test = store().await;
    let error = test.store.pull(&registry.name("app"), None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(test.counts(), (0, 0, 0));
    assert_eq!(image.media_type, OCI);
}
