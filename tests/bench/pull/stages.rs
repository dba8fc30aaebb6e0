//! The stages of a pull, each by itself.

use super::images::{Compression, Image, Layer};
use super::{flush, millis, settle};
use sha2::{Digest, Sha256};
use std::io::{Read, copy, sink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub(super) const NAMES: [&str; 4] = ["fetch", "sha256", "inflate", "write+syncfs"];

/// Milliseconds of each.
pub(super) fn run(image: &Image, port: u16) -> [f64; 4] {
    let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let fetch = timed(image, |_, layer| {
        let url = format!("http://127.0.0.1:{port}/v2/{}/blobs/{}", image.repository, layer.digest);
        let mut answer = ureq::get(url).call().expect("a blob");
        copy(&mut answer.body_mut().as_reader(), &mut sink()).expect("all of it");
    });
    let hash = timed(image, |_, layer| assert_ne!(Sha256::digest(&layer.plain)[..], [0; 32]));
    let inflate = timed(image, |_, layer| {
        let mut plain: Box<dyn Read> = match image.compression {
            Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(&layer.blob[..])),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(&layer.blob[..]).expect("zstd")),
        };
        let mut piece = vec![0; 256 << 10];
        while plain.read(&mut piece).expect("plain bytes") > 0 {}
    });
    settle();
    let from = Instant::now();
    spread(image, &|number, layer| write(&folder.path().join(number.to_string()), layer));
    flush(folder.path());
    [fetch, hash, inflate, millis(from)]
}

fn timed(image: &Image, work: impl Fn(usize, &Layer) + Sync) -> f64 {
    let from = Instant::now();
    spread(image, &work);
    millis(from)
}

/// All layers, on as many threads as there are processors.
fn spread(image: &Image, work: &(impl Fn(usize, &Layer) + Sync)) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(image.layers.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, layer)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, image.layers.get(at)?)))
                {
                    work(number, layer);
                }
            });
        }
    });
}

/// The blob and the files, as a store has them.
fn write(folder: &Path, layer: &Layer) {
    std::fs::create_dir(folder).expect("a folder");
    std::fs::write(folder.join("blob"), &layer.blob).expect("the blob");
    let mut archive = tar::Archive::new(&layer.plain[..]);
    for entry in archive.entries().expect("a layer") {
        let mut entry = entry.expect("a file");
        let path = folder.join(entry.path().expect("a path"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        copy(&mut entry, &mut std::fs::File::create(path).expect("a file")).expect("its bytes");
    }
}
