use super::*;
use crate::{
    Reference,
    seal::{Sums, seal},
};
use std::fs;

const FILES: &str = "content";

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    Fixture { store: Store::open(dir.path()).unwrap(), dir }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

impl Fixture {
    /// A layer as an unpacker leaves it.
    fn layer(&self, name: &str, parent: Option<&str>) -> NewLayer {
        let dir = self.store.layout.scratch().unwrap();
        fs::create_dir_all(dir.path().join("tree/diff")).unwrap();
        fs::write(dir.path().join("tree/diff/file"), FILES).unwrap();
        fs::write(dir.path().join("blob"), name).unwrap();
        NewLayer {
            chain_id: digest(&format!("chain {name}")),
            parent: parent.map(|parent| digest(&format!("chain {parent}"))),
            diff_id: digest(&format!("diff {name}")),
            blob: digest(name),
            size: 7,
            describes_root: false,
            tree: NewTree::Made {
                seal: seal(&dir.path().join("tree/diff"), &Sums::default(), &mut |_| {}).unwrap(),
                dir,
                blob_size: name.len() as u64,
                shareable: true,
            },
        }
    }

    fn image(&self, config: &str, top: Option<&str>, name: Option<&str>) -> Digest {
        let names = name.iter().map(|name| name.parse::<Reference>().unwrap().or_latest()).collect();
        let top = top.map(|top| digest(&format!("chain {top}")));
        let image = NewImage { config: config.as_bytes(), manifests: vec![], top, names, now: 1 };
        self.store.commit_image(&image).unwrap().0
    }

    fn names(&self, path: &str) -> usize {
        fs::read_dir(self.dir.path().join(path)).unwrap().count()
    }

    fn reopen(self) -> Self {
        drop(self.store);
        Self { store: Store::open(self.dir.path()).unwrap(), dir: self.dir }
    }
}

#[test]
fn what_a_crash_left_is_deleted_and_what_counts_is_kept() {
    let test = fixture();
    test.store.commit_layers(&[test.layer("a", None)]).unwrap();
    let id = test.image("{}", Some("a"), Some("app:v1"));
    let root = test.dir.path().to_owned();
    // Killed while unpacking, between the move and the row, while downloading, and while deleting.
    let half = root.join("tmp/half/diff");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("file"), "x").unwrap();
    fs::write(root.join("tmp/file"), "x").unwrap();
    let moved = root.join("layers").join(digest("moved").hex()).join("diff");
    fs::create_dir_all(moved).unwrap();
    fs::write(root.join("blobs/sha256").join(digest("blob").hex()), "x").unwrap();
    fs::write(root.join("blobs/sha256/strange"), "x").unwrap();
    let test = test.reopen();
    assert_eq!((test.names("tmp"), test.names("layers"), test.names("blobs/sha256")), (0, 1, 2));
    let image = test.store.image(&id).unwrap().unwrap();
    assert_eq!(image.tags[0].familiar(), "app:v1");
    let row = &test.store.lock().chain(Some(&image.layers[0].chain_id)).unwrap()[0];
    assert_eq!(fs::read_to_string(test.store.layout.diff(&row.tree).join("file")).unwrap(), FILES);
}

#[test]
fn a_layer_without_an_image_lives_as_long_as_its_lease() {
    let test = fixture();
    let chain_id = digest("chain a");
    test.store.lease(&[chain_id]);
    test.store.commit_layers(&[test.layer("a", None)]).unwrap();
    test.store.collect().unwrap();
    assert_eq!(test.names("layers"), 1);
    test.store.release(&[chain_id]);
    test.store.collect().unwrap();
    assert_eq!((test.names("layers"), test.names("blobs/sha256")), (0, 0));
}

#[test]
fn a_row_is_never_written_for_a_layer_whose_parent_is_missing() {
    let test = fixture();
    assert!(test.store.commit_layers(&[test.layer("b", Some("a"))]).is_err());
    assert!(test.store.lock().chain(Some(&digest("chain b"))).unwrap().is_empty());
    // What the failed commit moved into place does not hinder the next.
    test.store.commit_layers(&[test.layer("a", None), test.layer("b", Some("a"))]).unwrap();
    assert_eq!(test.store.lock().chain(Some(&digest("chain b"))).unwrap().len(), 2);
}

#[test]
fn a_shared_tree_goes_with_its_last_layer() {
    let test = fixture();
    test.store.commit_layers(&[test.layer("a", None)]).unwrap();
    let twin = test.store.lease_twin(&digest("diff a")).unwrap().unwrap();
    let mut shared = test.layer("a2", None);
    shared.blob = twin.blob;
    shared.tree = NewTree::Shared(twin.tree);
    test.store.commit_layers(&[shared]).unwrap();
    test.store.release(&[twin.chain_id]);
    let (one, two) = (test.image("{}", Some("a"), Some("one")), test.image("{ }", Some("a2"), Some("two")));
    test.store.remove("one", &one, false, None).unwrap();
    assert_eq!((test.names("layers"), test.store.image(&one).unwrap().is_none()), (1, true));
    test.store.remove("two", &two, false, None).unwrap();
    assert_eq!((test.names("layers"), test.names("blobs/sha256"), test.names("tmp")), (0, 0, 0));
}

#[test]
fn a_damaged_configuration_is_noticed_and_repaired_by_the_next_pull() {
    let test = fixture();
    let id = test.image("{}", None, Some("app"));
    fs::write(test.store.layout.blob(&id), "[]").unwrap();
    test.image("{ }", None, Some("other"));
    assert!(matches!(test.store.image(&id), Err(ImageError::DigestMismatch { .. })));
    assert_eq!(test.store.images().unwrap().len(), 1, "the other is still listed");
    // What a pull does: the same image comes again.
    assert_eq!(test.image("{}", None, Some("app")), id);
    assert_eq!(test.store.images().unwrap().len(), 2);
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let test = fixture();
    test.store.lock().db.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    drop(test.store);
    let blob = test.dir.path().join("blobs/sha256/of-the-newer-release");
    fs::write(&blob, "x").unwrap();
    assert!(matches!(Store::open(test.dir.path()), Err(ImageError::NewerFormat { .. })));
    assert!(blob.exists());
}

#[test]
fn ids_are_found_by_any_unique_prefix() {
    let test = fixture();
    let id = test.image("{}", None, None);
    let hex = id.hex();
    for name in [&hex[..4], &hex[..12], &hex, &id.to_string(), &format!("sha256:{}", &hex[..6])] {
        assert_eq!(test.store.find(name).unwrap(), id, "{name}");
    }
    // Enough images that two share their first digit.
    for number in 0..17 {
        test.image(&format!("{{\"n\":{number}}}"), None, None);
    }
    let shared = test.store.images().unwrap();
    let first = |image: &crate::Image| image.id.hex()[..1].to_owned();
    let twice = shared.iter().map(first).find(|digit| shared.iter().filter(|image| first(image) == *digit).count() > 1);
    assert!(matches!(test.store.find(&twice.unwrap()), Err(ImageError::Ambiguous(_))));
    assert_eq!(test.store.find("Upper").unwrap_err().kind(), crate::ErrorKind::Invalid);
    // A name comes before a prefix.
    test.store.tag(&id, &"beef:latest".parse().unwrap(), 2).unwrap();
    assert_eq!(test.store.find("beef").unwrap(), id);
}
