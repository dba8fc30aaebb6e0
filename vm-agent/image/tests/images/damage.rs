use crate::{
    fixture::{Compression, FixtureImage, files, layer, noise, tar},
    registry::{Registry, TestStore, open, quiet, store},
};
use berth_image::{Checked, DamageKind, Digest, Image, ImageStore, Reference};
use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An image of two layers, stored.
struct Stored {
    registry: Registry,
    test: TestStore,
    name: Reference,
    image: Image,
}

impl Stored {
    async fn new() -> Self {
        let (registry, test) = (Registry::start().await, store().await);
        let big = layer(tar(&[("etc/", b""), ("etc/big", &noise(300_000, 1))]), Compression::Gzip);
        registry.push("app", "latest", &FixtureImage::new(vec![big, files(&[("top", b"on top")])])).await;
        let name = registry.name("app:latest");
        let image = test.store.pull(&name, None, None, quiet()).await.unwrap();
        Self { registry, test, name, image }
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.test.dir.path().join("blobs/sha256").join(digest.hex())
    }

    fn diff(&self, layer: usize) -> PathBuf {
        self.test.diff(&self.image.layers[layer].chain_id)
    }

    async fn pull(&self) -> Image {
        self.test.store.pull(&self.name, None, None, quiet()).await.unwrap()
    }

    /// All is there and right.
    async fn is_whole(&self) {
        assert_eq!(check(&self.test.store).await.damage, []);
        assert_eq!(fs::read(self.diff(0).join("etc/big")).unwrap(), noise(300_000, 1));
        assert_eq!(fs::read(self.diff(1).join("top")).unwrap(), b"on top");
        assert_eq!(self.test.store.resolve(&self.name.familiar()).await.unwrap().id, self.image.id);
        self.test.store.prepare("probe", &self.image.id, &self.test.dir.path().join("probe")).await.unwrap();
        self.test.store.release("probe", &self.test.dir.path().join("probe")).await.unwrap();
    }
}

async fn check(store: &ImageStore) -> Checked {
    store.check(Arc::new(|current, total| assert!(current <= total.max(current)))).await.unwrap()
}

/// Changes a byte and nothing else that can be seen.
fn rot(path: &Path) {
    let meta = path.metadata().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
    let times = FileTimes::new().set_modified(meta.modified().unwrap());
    File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_nothing_where_nothing_is_damaged() {
    let stored = Stored::new().await;
    let checked = check(&stored.test.store).await;
    assert_eq!((checked.blobs, checked.layers, checked.damage), (4, 2, vec![]));
    assert!(checked.bytes > 600_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_layer_is_set_aside_told_at_start_and_put_back_by_the_next_pull() {
    let stored = Stored::new().await;
    let dir = stored.test.dir.path().join("container");
    stored.test.store.prepare("web", &stored.image.id, &dir).await.unwrap();
    rot(&stored.diff(0).join("etc/big"));
    let checked = check(&stored.test.store).await;
    let [damage] = checked.damage.as_slice() else { panic!("{checked:?}") };
    let layer = &stored.image.layers[0];
    assert_eq!((damage.kind, damage.digest), (DamageKind::Layer, layer.diff_id));
    assert_eq!(damage.images, [stored.name.familiar()]);
    assert_eq!(damage.containers, ["web"]);
    assert!(!stored.diff(0).exists() && stored.diff(1).exists(), "only what is damaged is moved");
    assert_eq!(fs::read_dir(stored.test.dir.path().join("damaged")).unwrap().count(), 1);
    let told = stored.test.store.intact("web").await.unwrap_err().to_string();
    let name = stored.name.familiar();
    let short = layer.blob.short();
    assert_eq!(told, format!("the layer {short} of {name} was damaged and set aside: pull {name} again"));
    let other = stored.test.dir.path().join("other");
    let refused = stored.test.store.prepare("other", &stored.image.id, &other).await.unwrap_err().to_string();
    assert_eq!(refused, told);
    // The image is still listed, and pulling it fetches that layer only.
    assert_eq!(stored.test.store.list().await.unwrap().len(), 1);
    let events = crate::registry::Events::default();
    stored.test.store.pull(&stored.name, None, None, events.sink()).await.unwrap();
    assert_eq!((events.count("Pull complete"), events.count("Already exists")), (1, 1));
    stored.test.store.intact("web").await.unwrap();
    stored.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_of_a_layer_is_fetched_again_and_its_files_stay() {
    let stored = Stored::new().await;
    let blob = stored.image.layers[0].blob;
    rot(&stored.blob(&blob));
    let inode = |stored: &Stored| std::os::unix::fs::MetadataExt::ino(&stored.diff(0).metadata().unwrap());
    let before = inode(&stored);
    let checked = check(&stored.test.store).await;
    let [damage] = checked.damage.as_slice() else { panic!("{checked:?}") };
    assert_eq!((damage.kind, damage.digest), (DamageKind::Blob, blob));
    assert!(damage.containers.is_empty());
    stored.pull().await;
    assert_eq!(inode(&stored), before, "a container may stand on it");
    stored.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_documents_are_put_back_by_a_pull() {
    let stored = Stored::new().await;
    for document in [stored.image.id, stored.image.manifest.unwrap()] {
        rot(&stored.blob(&document));
        let checked = check(&stored.test.store).await;
        assert_eq!(checked.damage.len(), 1);
        assert_eq!(checked.damage[0].images, [stored.name.familiar()]);
        stored.pull().await;
        stored.is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_others_share_is_put_back_for_each_by_its_own_pull() {
    let stored = Stored::new().await;
    // The same content on other ground stands on the same directory.
    let own = files(&[("own", b"own")]);
    let top = files(&[("top", b"on top")]);
    stored.registry.push("other", "latest", &FixtureImage::new(vec![own, top])).await;
    let other = stored.registry.name("other:latest");
    let image = stored.test.store.pull(&other, None, None, quiet()).await.unwrap();
    assert!(!stored.test.diff(&image.layers[1].chain_id).exists(), "it is shared");
    fs::remove_file(stored.diff(1).join("top")).unwrap();
    let checked = check(&stored.test.store).await;
    assert_eq!(checked.damage[0].images.len(), 2);
    let dir = stored.test.dir.path().join("c");
    for name in [&other, &stored.name] {
        let image = stored.test.store.resolve(&name.familiar()).await.unwrap();
        assert!(stored.test.store.prepare("c", &image.id, &dir).await.is_err());
        stored.test.store.pull(name, None, None, quiet()).await.unwrap();
        let snapshot = stored.test.store.prepare("c", &image.id, &dir).await.unwrap();
        assert_eq!(fs::read(snapshot.lower[0].join("top")).unwrap(), b"on top");
        stored.test.store.release("c", &dir).await.unwrap();
    }
    assert_eq!(check(&stored.test.store).await.damage, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_machine_had_died_a_layer_of_another_shape_is_noticed_without_a_check() {
    let stored = Stored::new().await;
    let Stored { registry: _registry, test: TestStore { store, dir }, name, image } = stored;
    let layer_of = |at: usize| dir.path().join("layers").join(image.layers[at].chain_id.hex()).join("diff");
    store.prepare("web", &image.id, &dir.path().join("container")).await.unwrap();
    drop(store);
    // As a torn write leaves it; within the same boot nothing of that kind can have happened.
    fs::write(layer_of(0).join("etc/big"), "").unwrap();
    let store = reopened(dir.path()).await;
    store.intact("web").await.unwrap();
    drop(store);
    fs::write(dir.path().join("open"), "another boot").unwrap();
    let store = reopened(dir.path()).await;
    let told = store.intact("web").await.unwrap_err().to_string();
    assert!(told.contains(&format!("pull {} again", name.familiar())), "{told}");
    store.pull(&name, None, None, quiet()).await.unwrap();
    store.intact("web").await.unwrap();
    // One that went down in order is trusted.
    store.close().await.unwrap();
    drop(store);
    fs::set_permissions(layer_of(1).join("top"), fs::Permissions::from_mode(0o600)).unwrap();
    let store = reopened(dir.path()).await;
    store.intact("web").await.unwrap();
    assert_eq!(check(&store).await.damage.len(), 1, "a check looks at everything all the same");
    assert_eq!(fs::read_dir(dir.path().join("damaged")).unwrap().count(), 1, "the older one went with its boot");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_cut_off_is_noticed_whenever_the_store_is_opened() {
    let stored = Stored::new().await;
    let Stored { registry: _registry, test: TestStore { store, dir }, name, image } = stored;
    drop(store);
    let blob = |digest: &Digest| dir.path().join("blobs/sha256").join(digest.hex());
    fs::remove_dir_all(dir.path().join("layers").join(image.layers[1].chain_id.hex())).unwrap();
    fs::write(blob(&image.layers[0].blob), "cut").unwrap();
    fs::remove_file(blob(&image.id)).unwrap();
    let store = reopened(dir.path()).await;
    assert!(store.resolve(&name.familiar()).await.unwrap_err().to_string().contains("pull the image again"));
    assert_eq!(store.pull(&name, None, None, quiet()).await.unwrap().id, image.id);
    assert_eq!(check(&store).await.damage, []);
    let diff = dir.path().join("layers").join(image.layers[1].chain_id.hex()).join("diff");
    assert_eq!(fs::read(diff.join("top")).unwrap(), b"on top");
}

/// The store as the next process opens it, once the last one has let go.
async fn reopened(dir: &Path) -> ImageStore {
    open(dir).await
}
