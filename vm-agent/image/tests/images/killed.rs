//! A process killed in the middle of pulls, and what the next one finds.

use crate::{
    fixture::{Compression, FixtureImage, layer, noise, tar},
    registry::{Registry, open, quiet, store_dir},
};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const ROOT: &str = "BERTH_TEST_ROOT";
const NAME: &str = "BERTH_TEST_NAME";

fn content(number: u64) -> Vec<u8> {
    noise(400_000, number)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_a_kill_finds_whole_images_and_no_rubbish() {
    let registry = Registry::start().await;
    let layers = (0..6).map(|n| layer(tar(&[(&format!("file-{n}"), &content(n))]), Compression::Gzip)).collect();
    registry.push("app", "latest", &FixtureImage::new(layers)).await;
    let (dir, name) = (store_dir(), registry.name("app:latest"));
    let mut unfinished = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::pulls_and_removes_for_ever", "--ignored"])
            .envs([(ROOT, dir.path().as_os_str()), (NAME, name.familiar().as_ref())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Any moment will do: what is checked holds at every one.
        tokio::time::sleep(Duration::from_millis(60 + 40 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        unfinished += u32::from(check(dir.path()).await == 0);
    }
    assert!(unfinished > 0, "no round ended in the middle of a pull");
    let store = open(dir.path()).await;
    store.pull(&name, None, None, quiet()).await.unwrap();
    drop(store);
    assert_eq!(check(dir.path()).await, 1);
}

/// Opens the store as the next process would; gives the number of its images.
async fn check(root: &Path) -> usize {
    let store = open(root).await;
    let images = store.list().await.unwrap();
    for image in &images {
        for (number, layer) in image.layers.iter().enumerate() {
            let diff = root.join("layers").join(layer.chain_id.hex()).join("diff");
            assert_eq!(std::fs::read(diff.join(format!("file-{number}"))).unwrap(), content(number as u64));
            let blob = std::fs::read(root.join("blobs/sha256").join(layer.blob.hex())).unwrap();
            assert_eq!(berth_image::Digest::of(&blob), layer.blob);
        }
    }
    let count = |name: &str| std::fs::read_dir(root.join(name)).unwrap().count();
    let expected = images.len() * 6;
    assert_eq!((count("layers"), count("tmp"), count("blobs/sha256")), (expected, 0, expected + 2 * images.len()));
    images.len()
}

/// The process that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "never ends; the test above starts and kills it"]
async fn pulls_and_removes_for_ever() {
    let root = std::env::var_os(ROOT).unwrap();
    let name = std::env::var(NAME).unwrap();
    let store = open(root.as_ref()).await;
    loop {
        store.pull(&name.parse().unwrap(), None, None, quiet()).await.unwrap();
        store.remove(&name, true, &|_| None).await.unwrap();
    }
}
