use crate::{
    fixture::{Compression, FixtureImage, files, layer, noise, tar},
    registry::{Events, Registry, quiet, store},
};
use std::time::Duration;

fn big(seed: u64) -> crate::fixture::FixtureLayer {
    layer(tar(&[(&format!("big-{seed}"), &noise(2_000_000, seed))]), Compression::Gzip)
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_that_share_layers_fetch_them_once() {
    let (registry, test) = (Registry::start().await, store().await);
    let shared = vec![big(1), big(2)];
    let mut names = Vec::new();
    for number in 0..6 {
        let name = format!("app-{number}");
        let own = files(&[("own", name.as_bytes())]);
        registry.push(&name, "latest", &FixtureImage::new([shared.clone(), vec![own]].concat())).await;
        names.push(registry.name(&name));
    }
    let events = Events::default();
    let pulls = names.iter().map(|name| test.store.pull(name, None, None, events.sink()));
    for pulled in futures_util::future::join_all(pulls).await {
        assert_eq!(pulled.unwrap().layers.len(), 3);
    }
    assert_eq!(events.count("Download complete"), 2 + 6, "each shared layer once, each own layer once");
    assert_eq!(test.counts(), (2 + 6 + 6 + 6, 2 + 6, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_layer_twice_in_one_image_is_no_deadlock() {
    let (registry, test) = (Registry::start().await, store().await);
    let (a, b) = (files(&[("a", b"a")]), files(&[("b", b"b")]));
    let orders = [vec![a.clone(), b.clone(), a.clone()], vec![b.clone(), a.clone(), b, a]];
    for (number, layers) in orders.into_iter().enumerate() {
        registry.push(&format!("app-{number}"), "latest", &FixtureImage::new(layers)).await;
    }
    let names = [registry.name("app-0"), registry.name("app-1")];
    let pulls = names.iter().map(|name| test.store.pull(name, None, None, quiet()));
    let all = tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(pulls)).await.unwrap();
    assert!(all.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_is_dropped_leaves_nothing_half_made() {
    let (registry, test) = (Registry::start().await, store().await);
    registry.push("app", "latest", &FixtureImage::new((0..4).map(big).collect())).await;
    let name = registry.name("app");
    for millis in [0, 5, 20, 60] {
        let pull = test.store.pull(&name, None, None, quiet());
        // Whether it is finished by then does not matter: what matters is that a later one works.
        drop(tokio::time::timeout(Duration::from_millis(millis), pull).await);
    }
    let pulled = test.store.pull(&name, None, None, quiet()).await.unwrap();
    assert_eq!(pulled.layers.len(), 4);
    let began = std::time::Instant::now();
    while test.counts() != (4 + 1 + 1, 4, 0) {
        assert!(began.elapsed() < Duration::from_secs(20), "left: {:?}", test.counts());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
