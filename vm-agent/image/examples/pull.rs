//! Pulls an image into a directory and tells what happened, how long it took and what memory it needed at most:
//! `cargo run -p berth-image --example pull -- DIRECTORY NAME`.

use berth_image::{ImageStore, LayerProgress, NetworkConfig, PullEvent, StoreConfig};
use std::{sync::Arc, time::Instant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(root), Some(name)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pull DIRECTORY NAME".into());
    };
    let network = NetworkConfig {
        ca_bundle: Some("/etc/ssl/certs/ca-certificates.crt".into()).filter(|path: &std::path::PathBuf| path.exists()),
        ..NetworkConfig::default()
    };
    let store = ImageStore::open(StoreConfig { root: root.into(), network }).await?;
    let show = |event: PullEvent| match &event {
        PullEvent::Layer { progress: LayerProgress::Downloading { .. }, .. } => {}
        PullEvent::Layer { id, .. } => println!("{id}: {event}"),
        _ => println!("{event}"),
    };
    let began = Instant::now();
    let image = store.pull(&name.parse()?, None, None, Arc::new(show)).await?;
    let seconds = began.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    println!("{} in {seconds:.2} s, {} MB of files, peak memory {peak}", image.id.short(), image.size / 1_000_000);
    Ok(())
}
