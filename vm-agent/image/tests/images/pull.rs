use crate::{
    fixture::{Compression, DOCKER, FixtureImage, OCI, OCI_INDEX, files, index, layer, tar},
    registry::{Events, Registry, open, quiet, store},
};
use berth_image::{Digest, ErrorKind, PullEvent};

fn two_layers() -> FixtureImage {
    FixtureImage::new(vec![
        files(&[("etc/", b""), ("etc/name", b"one"), ("old", b"x")]),
        files(&[("etc/", b""), ("etc/name", b"two"), (".wh.old", b"")]),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_image_is_listed_resolved_and_on_disk() {
    let (registry, test, image) = (Registry::start().await, store().await, two_layers());
    registry.push("team/app", "v1", &image).await;
    let name = registry.name("team/app:v1");
    let events = Events::default();
    let pulled = test.store.pull(&name, None, None, events.sink()).await.unwrap();
    assert_eq!(pulled.id, image.id());
    assert_eq!(pulled.tags, std::slice::from_ref(&name));
    let digest = Digest::of(&image.manifest);
    assert_eq!(pulled.digests, [name.at_digest(digest)]);
    assert_eq!(pulled.config.config.cmd.as_deref(), Some(&["/bin/hello".to_owned()][..]));
    assert_eq!(pulled.size, 3 + 1 + 3);
    assert_eq!(&pulled.config_json[..], &image.config.bytes[..]);

    let texts = events.texts();
    assert_eq!(texts[0], "Pulling from team/app");
    let tail = [format!("Digest: {digest}"), format!("Status: Downloaded newer image for {}", name.familiar())];
    assert_eq!(texts[texts.len() - 2..], tail);
    for (text, count) in [("Pulling fs layer", 2), ("Download complete", 2), ("Extracting", 2), ("Pull complete", 2)] {
        assert_eq!(events.count(text), count, "{text}: {texts:?}");
    }
    let id = image.layers[0].blob.digest.short();
    assert!(events.all().iter().any(|event| matches!(event, PullEvent::Layer { id: of, .. } if *of == id)));

    let upper = test.diff(&pulled.layers[1].chain_id);
    assert_eq!(std::fs::read(upper.join("etc/name")).unwrap(), b"two");
    assert_eq!(test.counts(), (2 + 1 + 1, 2, 0), "two layers, a configuration, a manifest, nothing in the making");

    let short = &pulled.id.hex()[..12];
    for by in [name.familiar(), name.at_digest(digest).familiar(), pulled.id.to_string(), pulled.id.hex(), short.into()]
    {
        assert_eq!(test.store.resolve(&by).await.unwrap().id, pulled.id, "{by}");
    }
    assert_eq!(test.store.list().await.unwrap().len(), 1);

    // A store that is opened again has the same image, and a second pull changes nothing.
    drop(test.store);
    let again = open(test.dir.path()).await;
    let events = Events::default();
    let same = again.pull(&name, None, None, events.sink()).await.unwrap();
    assert_eq!(same.id, pulled.id);
    assert_eq!(events.count("Already exists"), 2);
    assert_eq!(events.texts().last().unwrap(), &format!("Status: Image is up to date for {}", name.familiar()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_and_compression_gives_the_same_files() {
    let (registry, test) = (Registry::start().await, store().await);
    let content = tar(&[("dir/", b""), ("dir/file", b"content")]);
    let kinds = [
        ("docker-gzip", DOCKER, Compression::Gzip),
        ("oci-gzip", OCI, Compression::Gzip),
        ("oci-zstd", OCI, Compression::Zstd),
        ("oci-plain", OCI, Compression::None),
    ];
    for (number, (name, media_type, compression)) in kinds.into_iter().enumerate() {
        // A second layer of its own keeps the images apart.
        let own = files(&[("own", name.as_bytes())]);
        let image = FixtureImage::of(vec![own, layer(content.clone(), compression)], "amd64", media_type);
        registry.push(name, "latest", &image).await;
        let pulled = test.store.pull(&registry.name(name), None, None, quiet()).await.unwrap();
        assert_eq!(pulled.tags[0].tag(), Some("latest"));
        // Equal content is unpacked once, whatever it was compressed with.
        assert_eq!(test.counts().1, number + 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_chooses_from_an_index() {
    let (registry, test) = (Registry::start().await, store().await);
    let amd64 = FixtureImage::of(vec![files(&[("arch", b"amd64")])], "amd64", OCI);
    let arm64 = FixtureImage::of(vec![files(&[("arch", b"arm64")])], "arm64", OCI);
    for image in [&amd64, &arm64] {
        registry.push("multi", &Digest::of(&image.manifest).to_string(), image).await;
    }
    let list = index(&[("amd64", &amd64), ("arm64", &arm64)]);
    registry.push_manifest("multi", "latest", &list, OCI_INDEX).await;
    let name = registry.name("multi:latest");
    let pull = async |platform: &str| {
        let platform = platform.parse().unwrap();
        test.store.pull(&name, Some(&platform), None, quiet()).await
    };
    assert_eq!(pull("linux/arm64").await.unwrap().id, arm64.id());
    let pulled = pull("linux/amd64").await.unwrap();
    assert_eq!(pulled.id, amd64.id());
    assert_eq!(pulled.digests, [name.at_digest(Digest::of(&list))], "the name's digest is that of the index");
    let error = pull("linux/s390x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("no matching manifest for linux/s390x in the manifest list entries"),
        "{error}"
    );
    // The tag moved from one image to the other; the first is still there, without a name.
    assert_eq!(test.store.list().await.unwrap().len(), 2);
    assert_eq!(test.store.resolve(&name.familiar()).await.unwrap().id, amd64.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_image_moves_only_what_changed() {
    let (registry, test) = (Registry::start().await, store().await);
    let mut layers: Vec<_> = (0..20).map(|n| files(&[("dir/", b""), (&format!("dir/{n}"), b"x")])).collect();
    registry.push("app", "latest", &FixtureImage::new(layers.clone())).await;
    let name = registry.name("app:latest");
    test.store.pull(&name, None, None, quiet()).await.unwrap();
    layers[5] = files(&[("dir/", b""), ("dir/changed", b"y")]);
    registry.push("app", "latest", &FixtureImage::new(layers)).await;
    let events = Events::default();
    test.store.pull(&name, None, None, events.sink()).await.unwrap();
    assert_eq!((events.count("Pulling fs layer"), events.count("Already exists")), (1, 19));
    assert_eq!(test.counts().1, 21, "nineteen layers serve both images");
}

#[tokio::test(flavor = "multi_thread")]
async fn undescribed_directories_look_like_those_below() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let (registry, test) = (Registry::start().await, store().await);
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o1777);
    header.set_uid(33);
    header.set_mtime(1_600_000_000);
    header.set_size(0);
    archive.append_data(&mut header, "var", &b""[..]).unwrap();
    let base = layer(archive.into_inner().unwrap(), Compression::Gzip);
    registry.push("app", "latest", &FixtureImage::new(vec![base, files(&[("var/file", b"x")])])).await;
    let image = test.store.pull(&registry.name("app:latest"), None, None, quiet()).await.unwrap();
    let var = test.diff(&image.layers[1].chain_id).join("var").metadata().unwrap();
    assert_eq!((var.permissions().mode() & 0o7777, var.uid(), var.mtime()), (0o1777, 33, 1_600_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_in_dockers_words() {
    let (registry, test) = (Registry::start().await, store().await);
    registry.push("app", "v1", &FixtureImage::new(vec![files(&[("a", b"a")])])).await;
    let pull = async |name: &str| test.store.pull(&name.parse().unwrap(), None, None, quiet()).await.unwrap_err();
    let at = format!("127.0.0.1:{}", registry.port);
    let error = pull(&format!("{at}/app:v2")).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), format!("manifest for {at}/app:v2 not found: manifest unknown: manifest unknown"));
    let error = pull(&format!("{at}/nothing")).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with(&format!("manifest for {at}/nothing:latest not found: manifest unknown")),
        "{error}"
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = pull(&format!("localhost:{port}/app")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        format!("Get \"http://localhost:{port}/v2/\": dial tcp localhost:{port}: connect: connection refused")
    );
    let error = pull("no-such-registry.invalid/app").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("lookup no-such-registry.invalid"), "{error}");
    assert_eq!(test.counts(), (0, 0, 0));
    assert_eq!(test.store.resolve("nothing").await.unwrap_err().to_string(), "No such image: nothing:latest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_on_the_users_loopback_is_found_where_the_guest_sees_it() {
    let registry = Registry::start().await;
    registry.push("app", "latest", &FixtureImage::new(vec![files(&[("a", b"a")])])).await;
    let dir = tempfile::tempdir().unwrap();
    // The name says ::1, where nothing listens; the configuration says where that loopback really is.
    let network = berth_image::NetworkConfig {
        host_address: Some([127, 0, 0, 1].into()),
        ..berth_image::NetworkConfig::default()
    };
    let config = berth_image::StoreConfig { root: dir.path().into(), network };
    let store = berth_image::ImageStore::open(config).await.unwrap();
    for host in ["[::1]", "127.0.0.9", "localhost"] {
        let name = format!("{host}:{}/app", registry.port).parse().unwrap();
        store.pull(&name, None, None, quiet()).await.unwrap();
    }
    assert_eq!(store.list().await.unwrap()[0].tags.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn pulling_by_digest_gives_no_tag() {
    let (registry, test) = (Registry::start().await, store().await);
    let image = FixtureImage::new(vec![files(&[("a", b"a")])]);
    registry.push("app", "latest", &image).await;
    let name = registry.name("app").at_digest(Digest::of(&image.manifest));
    let events = Events::default();
    let pulled = test.store.pull(&name, None, None, events.sink()).await.unwrap();
    assert_eq!((pulled.tags.len(), pulled.digests), (0, vec![name.clone()]));
    assert!(events.texts().last().unwrap().starts_with("Status: Downloaded newer image for"));
    let wrong = registry.name("app").at_digest(Digest::of(b"other"));
    assert_eq!(test.store.pull(&wrong, None, None, quiet()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_contradicts_itself_leaves_nothing() {
    let (registry, test) = (Registry::start().await, store().await);
    let good = files(&[("a", b"a")]);
    let mut image = FixtureImage::new(vec![good.clone(), files(&[("b", b"b")])]);
    // The configuration promises another content for the second layer.
    image.layers[1] = files(&[("b", b"other")]);
    image.manifest = FixtureImage::manifest(&image.config, &image.layers, OCI);
    registry.push("bad", "latest", &image).await;
    let error = test.store.pull(&registry.name("bad"), None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("the content of a layer is damaged"), "{error}");
    image.layers.pop();
    image.manifest = FixtureImage::manifest(&image.config, &image.layers, OCI);
    registry.push("bad", "short", &image).await;
    let error = test.store.pull(&registry.name("bad:short"), None, None, quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(test.counts(), (0, 0, 0));
}
