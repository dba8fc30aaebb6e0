//! Not a benchmark: only that nothing works many times slower than the hardware does.

use berth_image::Digest;
use std::time::Instant;

#[test]
fn hashing_uses_the_processor() {
    let data = vec![0x5a; 64 << 20];
    let began = Instant::now();
    std::hint::black_box(Digest::of(&data));
    let rate = 64.0 / began.elapsed().as_secs_f64();
    println!("sha256: {rate:.0} MB/s");
}
