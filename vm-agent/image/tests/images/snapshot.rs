use crate::{
    fixture::{Compression, FixtureImage, files, layer, tar},
    registry::{Registry, quiet, store},
};
use berth_image::Snapshot;
use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        Snapshot::unmount(self.0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_sees_its_layers_as_one_and_writes_its_own() {
    let (registry, test) = (Registry::start().await, store().await);
    let mut root = tar::Header::new_ustar();
    root.set_entry_type(tar::EntryType::Directory);
    root.set_mode(0o711);
    root.set_uid(7);
    root.set_size(0);
    let mut base = tar::Builder::new(Vec::new());
    root.set_path("./").unwrap();
    root.set_cksum();
    base.append(&root, &b""[..]).unwrap();
    let base =
        [base.into_inner().unwrap()[..512].to_vec(), tar(&[("d/", b""), ("d/a", b"1"), ("d/b", b"1"), ("gone", b"")])]
            .concat();
    let image = FixtureImage::new(vec![
        layer(base, Compression::Gzip),
        files(&[("d/", b""), ("d/.wh..wh..opq", b""), ("d/c", b"2"), (".wh.gone", b"")]),
        files(&[("top", b"3")]),
    ]);
    registry.push("app", "latest", &image).await;
    let id = test.store.pull(&registry.name("app"), None, None, quiet()).await.unwrap().id;
    let dir = tempfile::tempdir_in(test.dir.path()).unwrap();
    let target = dir.path().join("rootfs");
    std::fs::create_dir(&target).unwrap();
    let snapshot = test.store.prepare("c1", &id, dir.path()).await.unwrap();
    {
        snapshot.mount(&target).unwrap();
        let _mounted = Mounted(&target);
        let mut names: Vec<_> = std::fs::read_dir(target.join("d")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["c"], "the opaque directory hides what was below");
        assert!(!target.join("gone").exists());
        assert_eq!(std::fs::read(target.join("top")).unwrap(), b"3");
        let meta = target.metadata().unwrap();
        assert_eq!((meta.permissions().mode() & 0o7777, meta.uid()), (0o711, 7), "the root is the image's");
        std::fs::write(target.join("d/c"), "changed").unwrap();
    }
    // What was written is there at the next start; the image's own layer is untouched.
    let again = test.store.prepare("c1", &id, dir.path()).await.unwrap();
    assert_eq!(again, snapshot);
    again.mount(&target).unwrap();
    let _mounted = Mounted(&target);
    assert_eq!(std::fs::read(target.join("d/c")).unwrap(), b"changed");
    assert_eq!(std::fs::read(snapshot.lower[1].join("d/c")).unwrap(), b"2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_layers_and_none_can_be_mounted() {
    let (registry, test) = (Registry::start().await, store().await);
    let many = (0..127).map(|n| files(&[(&format!("file-{n}"), b"")])).collect();
    registry.push("many", "latest", &FixtureImage::new(many)).await;
    registry.push("none", "latest", &FixtureImage::new(vec![])).await;
    for (name, entries) in [("many", 127), ("none", 0)] {
        let id = test.store.pull(&registry.name(name), None, None, quiet()).await.unwrap().id;
        let dir = tempfile::tempdir_in(test.dir.path()).unwrap();
        let target = dir.path().join("rootfs");
        std::fs::create_dir(&target).unwrap();
        test.store.prepare(name, &id, dir.path()).await.unwrap().mount(&target).unwrap();
        let _mounted = Mounted(&target);
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), entries);
        std::fs::write(target.join("new"), "").unwrap();
    }
}

#[test]
fn what_cannot_be_mounted_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let snapshot = Snapshot { lower: vec![path("missing")], upper: path("upper"), work: path("work") };
    let error = snapshot.mount(dir.path()).unwrap_err().to_string();
    assert!(error.contains("mount overlay on") && error.contains("missing"), "{error}");
    Snapshot::unmount(dir.path()).unwrap();
}
