//! Archives that are written: read again by this store, and by the tools of others.

use crate::{
    fixture::{Compression, FixtureImage, FixtureLayer, files, layer, tar},
    load::{docker_archive, load_for},
    registry::{Registry, TestStore, quiet, store},
};
use berth_image::{ErrorKind, ImageError};
use std::{collections::BTreeMap, io::Read as _};

/// The archive of these images.
pub(crate) async fn save(test: &TestStore, names: &[&str]) -> Result<Vec<u8>, ImageError> {
    save_for(test, names, None).await
}

async fn save_for(test: &TestStore, names: &[&str], platform: Option<&str>) -> Result<Vec<u8>, ImageError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let platform = platform.map(|platform| platform.parse().unwrap());
    let saved = test.store.save(&names, platform.as_ref()).await?;
    let mut archive = Vec::new();
    (saved.write)(&mut archive)?;
    Ok(archive)
}

fn contents(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = entry.path().unwrap().display().to_string();
        assert!(files.insert(name, bytes).is_none(), "each file once");
    }
    files
}

fn shared() -> FixtureLayer {
    files(&[("shared", b"s")])
}

/// `one` and `two:v2` from a registry, `plain` from an archive, all on one layer.
async fn three() -> (Registry, TestStore, [FixtureImage; 3]) {
    let (registry, test) = (Registry::start().await, store().await);
    let one = FixtureImage::new(vec![shared(), files(&[("one", b"1")])]);
    let two = FixtureImage::new(vec![shared(), layer(tar(&[("two", b"2")]), Compression::Zstd)]);
    let plain = FixtureImage::new(vec![shared(), layer(tar(&[("plain", b"3")]), Compression::None)]);
    for (name, image, own) in [("one", &one, "one"), ("two", &two, "two:v2")] {
        registry.push(name, "latest", image).await;
        let name = registry.name(&format!("{name}:latest"));
        test.store.pull(&name, None, None, quiet()).await.unwrap();
        test.store.tag(&name.familiar(), &own.parse().unwrap()).await.unwrap();
        test.store.remove(&name.familiar(), false, &|_| None).await.unwrap();
    }
    load_for(&test, &docker_archive(&plain, &["team/plain:v1", "team/plain:v2"]), None).await.unwrap();
    (registry, test, [one, two, plain])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_is_loaded_with_its_names_and_digests() {
    let (_registry, test, images) = three().await;
    let archive = save(&test, &["one", "two:v2", "team/plain"]).await.unwrap();
    let files = contents(&archive);
    for image in &images {
        assert_eq!(files[&format!("blobs/sha256/{}", image.id().hex())], image.config.bytes);
    }
    let blobs = files.keys().filter(|name| name.starts_with("blobs/sha256/") && name.len() > 13).count();
    assert_eq!(blobs, 3 * 2 + 4, "manifest and configuration of each, and the shared layer once");
    let other = store().await;
    let mut said = load_for(&other, &archive, None).await.unwrap();
    said.sort();
    let expected = ["one:latest", "team/plain:v1", "team/plain:v2", "two:v2"];
    assert_eq!(said, expected.map(|name| format!("Loaded image: {name}")));
    for name in expected {
        let (before, after) = (test.store.resolve(name).await.unwrap(), other.store.resolve(name).await.unwrap());
        assert_eq!((before.id, &before.layers), (after.id, &after.layers), "{name}");
        if before.manifest.is_some() {
            assert_eq!(before.manifest, after.manifest, "{name}");
        }
    }
    // And without the layout beside it, as docker before 25 and podman read it.
    let old: Vec<(&str, &[u8])> = files
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "index.json" | "oci-layout"))
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let old_reader = store().await;
    let mut said = load_for(&old_reader, &tar(&old), None).await.unwrap();
    said.sort();
    assert_eq!(said, expected.map(|name| format!("Loaded image: {name}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_images_give_the_same_bytes() {
    let (_registry, test, images) = three().await;
    let archive = save(&test, &["one", "two:v2", "team/plain:v1"]).await.unwrap();
    assert_eq!(save(&test, &["team/plain:v1", "two:v2", "one", "one:latest"]).await.unwrap(), archive);
    let other = store().await;
    load_for(&other, &archive, None).await.unwrap();
    assert_eq!(save(&other, &["two:v2", "one", "team/plain:v1"]).await.unwrap(), archive);

    // An id takes no name along.
    let nameless = save(&test, &[&images[0].id().short()]).await.unwrap();
    let files = contents(&nameless);
    assert!(!files.contains_key("repositories"));
    assert!(String::from_utf8_lossy(&files["manifest.json"]).contains("\"RepoTags\":null"));
    let said = load_for(&store().await, &nameless, None).await.unwrap();
    assert_eq!(said, [format!("Loaded image ID: {}", images[0].id())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_before_the_first_byte_and_what_is_damaged_ends_it() {
    let (_registry, test, images) = three().await;
    let error = save(&test, &["one", "nothing"]).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, "No such image: nothing:latest"));
    let error = save_for(&test, &["one"], Some("linux/s390x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "image with reference one:latest was found but does not provide the specified platform (linux/s390x)"
    );
    assert!(save_for(&test, &["one"], Some("linux/amd64")).await.is_ok());

    let blob = images[0].layers[1].blob.digest;
    let path = test.dir.path().join("blobs/sha256").join(blob.hex());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(save(&test, &["one"]).await.unwrap_err().kind(), ErrorKind::Damaged);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_saved_cannot_go_meanwhile() {
    let (_registry, test, images) = three().await;
    let saved = test.store.save(&["one".into()], None).await.unwrap();
    test.store.remove("one", false, &|_| None).await.unwrap();
    let mut archive = Vec::new();
    (saved.write)(&mut archive).unwrap();
    let said = load_for(&store().await, &archive, None).await.unwrap();
    assert_eq!((saved.images, said), (vec![images[0].id()], vec!["Loaded image: one:latest".to_owned()]));
}
