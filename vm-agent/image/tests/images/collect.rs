//! Pulls, removals, containers and checks at the same time: nothing that is in use ever goes, and nothing else stays.

use crate::{
    fixture::{FixtureImage, FixtureLayer, files},
    registry::{Registry, TestStore, quiet, store},
};
use berth_image::{ImageError, ImageUse, Reference};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex},
};

const WORKERS: u64 = 6;
const STEPS: usize = 60;

/// Images of few layers that they have in common, on each other in several orders.
fn images() -> Vec<(String, FixtureImage, Vec<u64>)> {
    let layer = |number: u64| -> FixtureLayer {
        // Some use directories that they do not describe, so that their files depend on what is below.
        let dir = if number.is_multiple_of(2) { "shared/" } else { "" };
        files(&[(&format!("{dir}layer-{number}"), format!("content {number}").repeat(300).as_bytes())])
    };
    let orders: [&[u64]; 6] = [&[1, 2, 3], &[1, 2, 4], &[2, 1, 3], &[4, 2], &[5, 1, 2, 3], &[2]];
    let image = |(at, order): (usize, &&[u64])| {
        (format!("app-{at}"), FixtureImage::new(order.iter().map(|number| layer(*number)).collect()), order.to_vec())
    };
    orders.iter().enumerate().map(image).collect()
}

struct Ground {
    test: TestStore,
    images: Vec<(Reference, Vec<u64>)>,
    /// Containers that stand on an image, by its name.
    used: Mutex<BTreeSet<(String, String)>>,
}

impl Ground {
    async fn step(&self, odds: &mut u64, worker: u64, mine: &mut Vec<(String, PathBuf, usize)>) {
        let mut below = |bound: usize| {
            *odds = odds.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(*odds >> 33).unwrap() % bound
        };
        let (what, at) = (below(7), below(self.images.len()));
        let (name, order) = &self.images[at];
        let store = &self.test.store;
        match what {
            // It may be removed again before it is told of.
            0 | 1 => match store.pull(name, None, None, quiet()).await {
                Ok(_) | Err(ImageError::NoSuchImage(_)) => {}
                Err(error) => panic!("{error}"),
            },
            2 => {
                let force = below(2) == 0;
                let users: Vec<_> = self.used.lock().unwrap().iter().map(|(_, image)| image.clone()).collect();
                let familiar = name.familiar();
                let user = users.contains(&familiar).then(|| ImageUse { container: "c".into(), running: false });
                match store.remove(&familiar, force, &move |_| user.clone()).await {
                    Ok(_) | Err(ImageError::NoSuchImage(_) | ImageError::Conflict(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            3 | 4 => {
                let Ok(image) = store.resolve(&name.familiar()).await else { return };
                let id = format!("c-{worker}-{}-{}", mine.len(), below(1_000_000));
                let dir = self.test.dir.path().join("containers").join(&id);
                match store.prepare(&id, &image.id, &dir).await {
                    Ok(snapshot) => {
                        self.used.lock().unwrap().insert((id.clone(), name.familiar()));
                        mine.push((id, dir, at));
                        assert_eq!(snapshot.lower.len(), order.len());
                    }
                    // It was removed in between.
                    Err(ImageError::NoSuchImage(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            5 if !mine.is_empty() => {
                let (id, dir, at) = mine.swap_remove(below(mine.len()));
                self.whole(&id, &dir, at).await;
                store.release(&id, &dir).await.unwrap();
                self.used.lock().unwrap().retain(|(container, _)| *container != id);
            }
            _ => assert_eq!(store.check(Arc::new(|_, _| {})).await.unwrap().damage, []),
        }
        for (id, dir, at) in mine.iter() {
            self.whole(id, dir, *at).await;
        }
    }

    /// A container finds every file of its image, whatever became of that.
    async fn whole(&self, id: &str, dir: &std::path::Path, at: usize) {
        let snapshot = self.test.store.snapshot(id, dir).await.unwrap();
        for (lower, number) in snapshot.lower.iter().rev().zip(&self.images[at].1) {
            let name = if number.is_multiple_of(2) { "shared/layer-" } else { "layer-" };
            let found = std::fs::read_to_string(lower.join(format!("{name}{number}")));
            assert_eq!(found.unwrap(), format!("content {number}").repeat(300), "{id} on {}", lower.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_in_use_is_collected_and_nothing_else_stays() {
    let (registry, test) = (Registry::start().await, store().await);
    let mut named = Vec::new();
    for (name, image, order) in images() {
        registry.push(&name, "latest", &image).await;
        named.push((registry.name(&name).at_tag("latest").unwrap(), order));
    }
    let ground = Arc::new(Ground { test, images: named, used: Mutex::default() });
    let seed = std::env::var("BERTH_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| std::process::id().into());
    println!("BERTH_TEST_SEED={seed}");
    let workers = (0..WORKERS).map(|worker| {
        let ground = ground.clone();
        tokio::spawn(async move {
            let (mut odds, mut mine) = (worker + 977 * seed, Vec::new());
            for _ in 0..STEPS {
                ground.step(&mut odds, worker, &mut mine).await;
            }
            for (id, dir, _) in mine {
                ground.test.store.release(&id, &dir).await.unwrap();
            }
        })
    });
    for ended in futures_util::future::join_all(workers).await {
        ended.unwrap();
    }
    for image in ground.test.store.list().await.unwrap() {
        ground.test.store.remove(&image.id.to_string(), true, &|_| None).await.unwrap();
    }
    assert_eq!(ground.test.counts(), (0, 0, 0));
    assert_eq!(ground.test.store.snapshots().await.unwrap(), Vec::<String>::new());
}
