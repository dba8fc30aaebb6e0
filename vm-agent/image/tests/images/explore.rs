//! Layers that hide files of those below.

use crate::{
    fixture::{Compression, FixtureImage, FixtureLayer, layer},
    load::{docker_archive, load_for},
    registry::store,
};
use berth_image::{Explored, LayerFiles};

/// A layer of files with so many bytes; what ends in a slash is a directory, `a=b` a hard link from `a` to `b`.
fn made(entries: &[(&str, usize)]) -> FixtureLayer {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, size) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(0);
        if let Some((name, target)) = name.split_once('=') {
            header.set_entry_type(tar::EntryType::Link);
            archive.append_link(&mut header, name, target).unwrap();
        } else if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, name, &[][..]).unwrap();
        } else {
            header.set_size(*size as u64);
            archive.append_data(&mut header, name, &vec![b'x'; *size][..]).unwrap();
        }
    }
    layer(archive.into_inner().unwrap(), Compression::None)
}

async fn explored(layers: Vec<FixtureLayer>) -> Explored {
    let test = store().await;
    load_for(&test, &docker_archive(&FixtureImage::new(layers), &["app"]), None).await.unwrap();
    test.store.explore("app").await.unwrap().1
}

fn files(added: u64, changed: u64, removed: u64, wasted: u64) -> LayerFiles {
    LayerFiles { added, changed, removed, wasted }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overwritten_and_deleted_is_wasted_by_the_layer_that_has_it() {
    let explored = explored(vec![
        made(&[("keep", 10), ("etc/conf", 100), ("var/log/a", 1_000), ("var/log/b", 2_000)]),
        made(&[("etc/conf", 7), ("var/.wh.log", 0), ("new", 5)]),
        made(&[("etc/conf", 8), (".wh.new", 0), (".wh.nothing", 0)]),
    ])
    .await;
    assert_eq!(explored.layers, [files(4, 0, 0, 3_100), files(1, 1, 2, 12), files(0, 1, 1, 0)]);
    let largest: Vec<_> = explored
        .largest
        .iter()
        .map(|file| (file.size, String::from_utf8_lossy(&file.path), file.layer, file.hidden_by))
        .collect();
    assert_eq!(
        largest,
        [
            (2_000, "/var/log/b".into(), 0, 1),
            (1_000, "/var/log/a".into(), 0, 1),
            (100, "/etc/conf".into(), 0, 1),
            (7, "/etc/conf".into(), 1, 2),
            (5, "/new".into(), 1, 2),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_directory_removes_what_it_has_not_itself() {
    let explored = explored(vec![
        made(&[("d/same", 10), ("d/gone", 20), ("d/sub/deep", 30), ("d/sub/again", 40), ("d/file/x", 50)]),
        made(&[("d/", 0), ("d/.wh..wh..opq", 0), ("d/same", 1), ("d/sub/again", 2), ("d/file", 3), ("d/young", 4)]),
    ])
    .await;
    assert_eq!(explored.layers, [files(5, 0, 0, 150), files(2, 2, 3, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_two_names_is_wasted_once_and_only_without_both() {
    let two = || made(&[("a", 100), ("b=a", 0), ("c", 5)]);
    let one_left = explored(vec![two(), made(&[("a", 1)])]).await;
    assert_eq!(one_left.layers, [files(3, 0, 0, 0), files(0, 1, 0, 0)]);
    let none_left = explored(vec![two(), made(&[("a", 1)]), made(&[(".wh.b", 0)])]).await;
    assert_eq!(none_left.layers, [files(3, 0, 0, 100), files(0, 1, 0, 0), files(0, 0, 1, 0)]);
    assert_eq!(none_left.largest.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_a_directory_may_take_each_others_place() {
    let explored =
        explored(vec![made(&[("a", 10), ("b/x", 20), ("b/y", 30)]), made(&[("a/", 0), ("a/in", 1), ("b", 2)])]).await;
    assert_eq!(explored.layers, [files(3, 0, 0, 60), files(2, 0, 3, 0)]);
}
