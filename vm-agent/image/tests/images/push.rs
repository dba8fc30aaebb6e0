use crate::{
    fixture::{Compression, DOCKER, FixtureImage, files, layer, noise, tar},
    gate::{self, Kind},
    load::load_for,
    proxy::{self, Fault},
    registry::{Registry, TestStore, quiet, store},
};
use berth_image::{Credentials, Digest, ErrorKind, ImageError, PushEvent, PushProgress, Reference};
use std::sync::{Arc, Mutex, atomic::Ordering};

#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn sink(&self) -> PushProgress {
        let said = self.0.clone();
        Arc::new(move |event: PushEvent| said.lock().unwrap().push(event.to_string()))
    }

    fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|said| said.starts_with(text)).count()
    }

    fn last(&self) -> String {
        self.0.lock().unwrap().last().unwrap().clone()
    }
}

async fn push(test: &TestStore, name: &Reference) -> Result<Said, ImageError> {
    let said = Said::default();
    test.store.push(name, None, None, said.sink()).await?;
    Ok(said)
}

fn image() -> FixtureImage {
    let noisy = tar(&[("noise", &noise(3 << 20, 7))]);
    FixtureImage::new(vec![layer(noisy, Compression::Gzip), files(&[("b", b"two")])])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_image_keeps_its_digest_at_another_registry() {
    let (from, to, test) = (Registry::start().await, Registry::start().await, store().await);
    let image = image();
    from.push("app", "v1", &image).await;
    test.store.pull(&from.name("app:v1"), None, None, quiet()).await.unwrap();
    let target = to.name("team/app:v2");
    test.store.tag(&from.name("app:v1").familiar(), &target).await.unwrap();
    let said = push(&test, &target).await.unwrap();
    let digest = Digest::of(&image.manifest);
    assert_eq!(said.0.lock().unwrap()[0], format!("The push refers to repository [127.0.0.1:{}/team/app]", to.port));
    assert_eq!((said.count("Preparing"), said.count("Pushed")), (2, 2));
    assert!(said.count("Pushing") > 3, "progress is told on the way");
    assert_eq!(said.last(), format!("v2: digest: {digest} size: {}", image.manifest.len()));
    let known = test.store.resolve(&target.familiar()).await.unwrap();
    assert!(known.digests.contains(&target.at_digest(digest)), "{:?}", known.digests);

    let other = store().await;
    let pulled = other.store.pull(&target, None, None, quiet()).await.unwrap();
    assert_eq!(pulled.id, image.id());
    assert_eq!(pulled.digests, [target.at_digest(digest)]);

    // Nothing is sent twice, and what another repository of the registry has is taken from there.
    let again = push(&test, &target).await.unwrap();
    assert_eq!((again.count("Layer already exists"), again.count("Push")), (2, 0));
    let beside = to.name("other:latest");
    test.store.tag(&target.familiar(), &beside).await.unwrap();
    let mounted = push(&test, &beside).await.unwrap();
    assert_eq!((mounted.count("Mounted from team/app"), mounted.count("Pushed")), (2, 0));
    assert_eq!(test.counts().2, 0, "nothing in the making is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loaded_image_is_compressed_on_its_way_and_zstd_stays_what_it_is() {
    let (registry, test) = (Registry::start().await, store().await);
    let plain = FixtureImage::of(
        vec![layer(tar(&[("text", &b"again and again ".repeat(50_000))]), Compression::None)],
        "amd64",
        DOCKER,
    );
    let zstd = FixtureImage::new(vec![
        layer(tar(&[("a", b"zstd")]), Compression::Zstd),
        layer(tar(&[("b", b"plain")]), Compression::None),
    ]);
    for (name, image) in [("plain", &plain), ("zstd", &zstd)] {
        let archive = crate::load::docker_archive(image, &[&registry.name(name).familiar()]);
        load_for(&test, &archive, None).await.unwrap();
        let name = registry.name(name).or_latest();
        push(&test, &name).await.unwrap();
        let other = store().await;
        let pulled = other.store.pull(&name, None, None, quiet()).await.unwrap();
        assert_eq!(pulled.id, image.id());
        assert_ne!(pulled.layers.last().unwrap().blob, image.layers.last().unwrap().blob.digest);
        let text = std::fs::metadata(other.dir.path().join("blobs/sha256").join(pulled.layers[0].blob.hex())).unwrap();
        assert!(text.len() < 20_000, "{}", text.len());
        // The same layer becomes the same blob.
        assert_eq!(push(&test, &name).await.unwrap().count("Layer already exists"), image.layers.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tags_of_a_repository_go_and_what_is_not_there_is_told_in_dockers_words() {
    let (from, to, test) = (Registry::start().await, Registry::start().await, store().await);
    from.push("app", "v1", &image()).await;
    let source = from.name("app:v1");
    test.store.pull(&source, None, None, quiet()).await.unwrap();
    for tag in ["one", "two"] {
        test.store.tag(&source.familiar(), &to.name(&format!("app:{tag}"))).await.unwrap();
    }
    let said = push(&test, &to.name("app")).await.unwrap();
    assert_eq!((said.count("one: digest: "), said.count("two: digest: ")), (1, 1));
    let error = push(&test, &to.name("app:three")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("tag does not exist: 127.0.0.1:{}/app:three", to.port));
    let error = push(&test, &to.name("nothing:latest")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        format!("An image does not exist locally with the tag: 127.0.0.1:{}/nothing", to.port)
    );
    for (platform, comes) in [("linux/amd64", true), ("linux/arm64", false)] {
        let platform = platform.parse().unwrap();
        let pushed = test.store.push(&to.name("app:one"), Some(&platform), None, Said::default().sink()).await;
        let said = pushed.as_ref().err().map(ToString::to_string);
        let refusal = format!(
            "image with reference 127.0.0.1:{}/app:one was found but does not provide the specified platform (linux/arm64)",
            to.port
        );
        assert_eq!(said, (!comes).then_some(refusal));
    }
    let by_digest = to.name("app").at_digest(Digest::of(b""));
    assert_eq!(push(&test, &by_digest).await.unwrap_err().to_string(), "cannot push a digest reference");
}

/// One layer of 40 MiB, which is sent in three parts; and the bytes of all that is sent.
fn large() -> (FixtureImage, u64) {
    let image = FixtureImage::new(vec![layer(tar(&[("noise", &noise(40 << 20, 7))]), Compression::Zstd)]);
    let size = image.layers[0].blob.bytes.len() + image.config.bytes.len();
    (image, size as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_upload_is_taken_up_behind_its_last_part() {
    let (image, size) = large();
    // The third part breaks 3 MiB behind its beginning, twice.
    let cases = [
        // What stands between keeps back what is no whole request: the registry goes on where the last part ended.
        (false, size + 2 * (3 << 20)),
        // Debian's docker-registry forgets an upload whose request broke off, so that all begins anew.
        (true, 3 * size),
    ];
    for (passes_on, at_most) in cases {
        let (from, to, test) = (Registry::start().await, Registry::start().await, store().await);
        from.push("app", "latest", &image).await;
        test.store.pull(&from.name("app"), None, None, quiet()).await.unwrap();
        let third = Fault::CutUpload { after: 3 << 20, times: 2, passes_on };
        let proxy = proxy::start_at(to.port, "PATCH", third, 2).await;
        let name: Reference = format!("127.0.0.1:{}/app:latest", proxy.port).parse().unwrap();
        test.store.tag(&from.name("app").or_latest().familiar(), &name).await.unwrap();
        push(&test, &name).await.unwrap();
        let uploaded = proxy.uploaded.load(Ordering::SeqCst);
        assert!(uploaded > size && uploaded <= at_most, "{uploaded} bytes for {size}");
        let other = store().await;
        let pulled = other.store.pull(&to.name("app"), None, None, quiet()).await.unwrap();
        assert_eq!(pulled.id, image.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_takes_no_parts_gets_blobs_whole() {
    let (image, size) = large();
    let (from, to, test) = (Registry::start().await, Registry::start().await, store().await);
    from.push("app", "latest", &image).await;
    test.store.pull(&from.name("app"), None, None, quiet()).await.unwrap();
    let proxy = proxy::start_at(to.port, "PATCH", Fault::Parts, 0).await;
    let name: Reference = format!("127.0.0.1:{}/app:latest", proxy.port).parse().unwrap();
    test.store.tag(&from.name("app").or_latest().familiar(), &name).await.unwrap();
    push(&test, &name).await.unwrap();
    assert!(proxy.uploaded.load(Ordering::SeqCst) <= size + (16 << 20));
    assert_eq!(store().await.store.pull(&to.name("app"), None, None, quiet()).await.unwrap().id, image.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_on_the_way_is_fetched_anew() {
    let (registry, from, test) = (Registry::start().await, Registry::start().await, store().await);
    let layers = (0..12).map(|n| files(&[(&format!("f{n}"), b"x")])).collect();
    let image = FixtureImage::new(layers);
    from.push("app", "latest", &image).await;
    test.store.pull(&from.name("app"), None, None, quiet()).await.unwrap();
    let gate = gate::start(registry.port, Kind::BearerEnding { after: 10 }).await;
    let name: Reference = format!("127.0.0.1:{}/team/app:latest", gate.port).parse().unwrap();
    test.store.tag(&from.name("app").or_latest().familiar(), &name).await.unwrap();
    for credentials in [
        Credentials::Basic { username: "user".into(), password: "canary".into() },
        Credentials::IdentityToken("l4st1ng".into()),
    ] {
        gate.token_requests.lock().unwrap().clear();
        test.store.push(&name, None, Some(&credentials), Arc::new(|_| {})).await.unwrap();
        let other = store().await;
        assert_eq!(other.store.pull(&name, None, Some(&credentials), quiet()).await.unwrap().id, image.id());
        let tokens = gate.token_requests.lock().unwrap().len();
        assert!((3..20).contains(&tokens), "{tokens} tokens");
    }
}
