use crate::{
    fixture::{FixtureImage, FixtureLayer, files},
    registry::{Registry, TestStore, quiet, store},
};
use berth_image::{Digest, ErrorKind, ImageUse, Reference};

fn shared() -> FixtureLayer {
    files(&[("shared", b"s")])
}

/// Two images on one layer.
async fn two() -> (Registry, TestStore, [Reference; 2], [Digest; 2]) {
    let (registry, test) = (Registry::start().await, store().await);
    let mut names = Vec::new();
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let image = FixtureImage::new(vec![shared(), files(&[(name, b"x")])]);
        registry.push(name, "latest", &image).await;
        names.push(registry.name(&format!("{name}:latest")));
        ids.push(test.store.pull(names.last().unwrap(), None, None, quiet()).await.unwrap().id);
    }
    (registry, test, names.try_into().unwrap(), ids.try_into().unwrap())
}

async fn remove(test: &TestStore, name: &str, force: bool) -> Result<Vec<String>, String> {
    let removed = test.store.remove(name, force, &|_| None).await;
    removed.map(|lines| lines.iter().map(ToString::to_string).collect()).map_err(|e| e.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_with_exactly_what_nothing_else_needs() {
    let (_registry, test, [one, two], [first, _]) = two().await;
    let lines = remove(&test, &one.familiar(), false).await.unwrap();
    assert_eq!(lines[0], format!("Untagged: {}", one.familiar()));
    assert!(lines[1].starts_with(&format!("Untagged: {}@sha256:", one.familiar_repository())));
    assert_eq!(lines[2], format!("Deleted: {first}"));
    assert_eq!(lines.len(), 4, "its own layer, and not the shared one: {lines:?}");
    assert_eq!(test.counts(), (2 + 1 + 1, 2, 0));
    let left = test.store.resolve(&two.familiar()).await.unwrap();
    assert!(left.layers.iter().all(|layer| test.diff(&layer.chain_id).is_dir()));
    remove(&test, &left.id.short(), false).await.unwrap();
    assert_eq!(test.counts(), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_name_takes_the_image_along() {
    let (_registry, test, [one, _], [first, _]) = two().await;
    let other: Reference = "mine/app".parse().unwrap();
    test.store.tag(&one.familiar(), &other).await.unwrap();
    let error = remove(&test, &first.short(), false).await.unwrap_err();
    assert_eq!(
        error,
        format!(
            "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
            first.short()
        )
    );
    assert_eq!(remove(&test, "mine/app", false).await.unwrap(), ["Untagged: mine/app:latest"]);
    assert!(test.store.resolve(&first.hex()).await.is_ok());
    test.store.tag(&one.familiar(), &other).await.unwrap();
    let lines = remove(&test, &first.short(), true).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.starts_with("Untagged")).count(), 3);
    assert!(test.store.resolve(&first.hex()).await.is_err());
    let error = remove(&test, "mine/app", false).await.unwrap_err();
    assert_eq!(error, "No such image: mine/app:latest");
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_keep_what_they_stand_on() {
    let (_registry, test, [one, _], [first, _]) = two().await;
    let dir = tempfile::tempdir_in(test.dir.path()).unwrap();
    let snapshot = test.store.prepare("c1", &first, dir.path()).await.unwrap();
    let running = |running: bool| move |_: &Digest| Some(ImageUse { container: "web".into(), running });
    let name = one.familiar();
    let short = first.short();
    for (by, force, is_running, words) in [
        (&name, false, false, "(must force) - container web is using its referenced image"),
        (&short, false, false, "(must be forced) - image is being used by stopped container web"),
        (&short, true, true, "(cannot be forced) - image is being used by running container web"),
    ] {
        let error = test.store.remove(by, force, &running(is_running)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(words), "{error}");
    }
    let lines = test.store.remove(&short, true, &running(false)).await.unwrap();
    assert!(lines.iter().any(|line| line.to_string() == format!("Deleted: {first}")));
    assert!(snapshot.lower.iter().all(|lower| lower.is_dir()), "the stopped container can start again");
    assert_eq!(test.store.snapshot("c1", dir.path()).await.unwrap(), snapshot);
    assert_eq!(test.store.snapshots().await.unwrap(), ["c1"]);
    test.store.release("c1", dir.path()).await.unwrap();
    assert!(!snapshot.lower[0].exists(), "now nobody needs it");
    assert!(!snapshot.upper.exists());
    test.store.release("c1", dir.path()).await.unwrap();
    assert_eq!(test.store.snapshot("c1", dir.path()).await.unwrap_err().kind(), ErrorKind::NotFound);
}
