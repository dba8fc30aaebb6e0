//! A registry that misbehaves at random, again and again: `cargo xtask faults registry`.

use crate::{
    fixture::{Compression, FixtureImage, files, layer, noise, tar},
    proxy::{self, Fault},
    registry::{Registry, quiet, store},
};
use berth_image::{Digest, ErrorKind, Reference};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many pulls go on at once.
const AT_ONCE: usize = 8;

/// What all rounds came to.
#[derive(Default)]
struct Sum {
    whole: AtomicU64,
    failed: AtomicU64,
    /// Bytes of blobs that came, for pulls that ended well, and those of the blobs themselves.
    came: AtomicU64,
    needed: AtomicU64,
    /// The most that one of them fetched twice where the registry knows ranges.
    most: AtomicU64,
}

/// A small generator, so that a seed makes the same choices again.
struct Odds(u64);

impl Odds {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_misbehaves_gives_a_whole_image_or_a_clean_failure() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("BERTH_TEST_COUNT").unwrap_or(16);
    let seed = number("BERTH_TEST_SEED").unwrap_or(count ^ 0x9e37_79b9) | 1;
    println!("BERTH_TEST_SEED={seed}");
    let registry = Arc::new(Registry::start().await);
    let big = layer(tar(&[("big", &noise(300_000, 7))]), Compression::Gzip);
    let image = Arc::new(FixtureImage::new(vec![files(&[("a", b"a")]), big, files(&[("c", b"c")])]));
    registry.push("app", "latest", &image).await;
    let (sum, slots) = (Arc::new(Sum::default()), Arc::new(tokio::sync::Semaphore::new(AT_ONCE)));
    let mut rounds = tokio::task::JoinSet::new();
    for round in 0..count {
        let (registry, image, sum) = (registry.clone(), image.clone(), sum.clone());
        let slot = slots.clone().acquire_owned().await.unwrap();
        rounds.spawn(async move {
            let _slot = slot;
            pull(&registry, &image, &sum, Odds(seed.wrapping_mul(round + 1) | 1)).await;
        });
        while let Some(ended) = rounds.try_join_next() {
            ended.unwrap();
        }
    }
    while let Some(ended) = rounds.join_next().await {
        ended.unwrap();
    }
    let of = |number: &AtomicU64| number.load(Ordering::SeqCst);
    println!(
        "{count} faults: {} whole images, {} clean failures; {} bytes of blobs came where {} were needed; with ranges at most {} bytes were fetched twice in one pull",
        of(&sum.whole),
        of(&sum.failed),
        of(&sum.came),
        of(&sum.needed),
        of(&sum.most)
    );
    assert_eq!(of(&sum.whole) + of(&sum.failed), count);
    assert!(of(&sum.whole) > 0 && of(&sum.failed) > 0, "both happen");
}

async fn pull(registry: &Registry, image: &FixtureImage, sum: &Sum, mut odds: Odds) {
    for _ in 0..4 {
        odds.below(2);
    }
    let after = usize::try_from(odds.below(310_000)).unwrap();
    let times = u32::try_from(odds.below(3) + 1).unwrap();
    let fault = match odds.below(6) {
        0 => Fault::Flip,
        1 => Fault::Busy { status: 503, times },
        2 => Fault::Busy { status: 429, times },
        3 => Fault::CutWithoutRange { after, times },
        _ => Fault::Cut { after, times: if odds.below(8) == 0 { u32::MAX } else { times } },
    };
    let about = ["/blobs/", "/blobs/", "/blobs/", "/manifests/"][usize::try_from(odds.below(4)).unwrap()];
    let proxy = proxy::start(registry.port, about, fault).await;
    let name: Reference = format!("127.0.0.1:{}/app", proxy.port).parse().unwrap();
    let test = store().await;
    let told = format!("{about} {fault:?}");
    match test.store.pull(&name, None, None, quiet()).await {
        Ok(pulled) => {
            assert_eq!(pulled.id, image.id(), "{told}");
            for (layer, expected) in pulled.layers.iter().zip(&image.layers) {
                assert_eq!(layer.blob, expected.blob.digest, "{told}");
                let blob = std::fs::read(test.dir.path().join("blobs/sha256").join(layer.blob.hex())).unwrap();
                assert_eq!(blob, expected.blob.bytes, "{told}");
            }
            let big = std::fs::read(test.diff(&pulled.layers[1].chain_id).join("big")).unwrap();
            assert_eq!(big, noise(300_000, 7), "{told}");
            let needed: usize = image.layers.iter().map(|layer| layer.blob.bytes.len()).sum();
            let needed = (needed + image.config.bytes.len()) as u64;
            let came = proxy.blobs.load(Ordering::SeqCst);
            assert!(came >= needed, "{told}");
            sum.whole.fetch_add(1, Ordering::SeqCst);
            sum.came.fetch_add(came, Ordering::SeqCst);
            sum.needed.fetch_add(needed, Ordering::SeqCst);
            if !matches!(fault, Fault::CutWithoutRange { .. }) {
                sum.most.fetch_max(came - needed, Ordering::SeqCst);
            }
        }
        Err(error) => {
            let clean = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Damaged);
            assert!(clean, "{told}: {error}");
            // What came whole may stay for the next try, nothing else; and the next try has all it needs.
            assert_eq!(test.counts().2, 0, "{told}: {error}");
            for blob in std::fs::read_dir(test.dir.path().join("blobs/sha256")).unwrap().flatten() {
                let bytes = std::fs::read(blob.path()).unwrap();
                assert_eq!(Digest::of(&bytes).hex(), blob.file_name().into_string().unwrap(), "{told}: {error}");
            }
            let again = test.store.pull(&registry.name("app"), None, None, quiet()).await.unwrap();
            assert_eq!(again.id, image.id(), "{told}: {error}");
            sum.failed.fetch_add(1, Ordering::SeqCst);
        }
    }
}
