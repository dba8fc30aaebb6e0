//! A tag that means one image after another, and is put back.

use crate::{
    fixture::{FixtureImage, files},
    load::{docker_archive, load_for},
    registry::{TestStore, open, store_dir},
};
use berth_image::{Digest, ErrorKind, Reference};

async fn load(test: &TestStore, word: &[u8], tag: &str) -> Digest {
    let image = FixtureImage::new(vec![files(&[("word", word)])]);
    load_for(test, &docker_archive(&image, &[tag]), None).await.unwrap();
    image.id()
}

fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

/// Ids, and whether each was replaced.
async fn meanings(test: &TestStore, text: &str) -> Vec<(Digest, bool)> {
    let meanings = test.store.meanings(&name(text)).await.unwrap();
    meanings.iter().map(|meaning| (meaning.image.id, meaning.replaced_at.is_some())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tag_meant_stays_until_it_is_removed_and_can_be_put_back() {
    let dir = store_dir();
    let mut test = TestStore { store: open(dir.path()).await, dir };
    let first = load(&test, b"1", "app").await;
    let second = load(&test, b"2", "app").await;
    let third = load(&test, b"3", "app").await;
    assert_eq!(meanings(&test, "app").await, [(third, false), (second, true), (first, true)]);
    // The same again is no news, and another tag is another matter.
    load(&test, b"3", "app").await;
    load(&test, b"1", "app:v1").await;
    assert_eq!(meanings(&test, "app:latest").await, [(third, false), (second, true), (first, true)]);
    assert_eq!(meanings(&test, "app:v1").await, [(first, false)]);

    test.store.tag(&first.short(), &name("app")).await.unwrap();
    assert_eq!(test.store.resolve("app").await.unwrap().id, first);
    let back = meanings(&test, "app").await;
    assert_eq!((back[0], back.len()), ((first, false), 3), "{back:?}");
    assert!(back.contains(&(third, true)) && back.contains(&(second, true)));

    test.store.remove(&second.short(), false, &|_| None).await.unwrap();
    assert_eq!(meanings(&test, "app").await, [(first, false), (third, true)]);
    // A tag that was taken off is still remembered, by those who know what it meant.
    test.store.remove("app", false, &|_| None).await.unwrap();
    assert_eq!(meanings(&test, "app").await, [(third, true)]);
    let path = test.dir.path().to_owned();
    drop(test.store);
    test.store = open(&path).await;
    assert_eq!(meanings(&test, "app").await, [(third, true)]);
    test.store.remove(&third.short(), false, &|_| None).await.unwrap();
    let error = test.store.meanings(&name("app")).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, "No such image: app:latest"));
}
