//! Boot: from the start of the VM to an answered API ping (ours), against the time until the same kernel in the same
//! QEMU has started an empty init (limit).

use crate::empty_init;
use crate::figure::Figure;
use berth_machine::boot::Timeline;
use berth_machine::{DataDisk, Driver, MachineSpec, ShutdownMode, cpio};
use berth_tests::{Build, Home};
use std::path::Path;
use std::time::{Duration, Instant};

/// The limit that the aim is set against.
const AIM: f64 = 2.0;

/// Prints every round, the steps of the last boot and the ratio.
pub(crate) fn run(rounds: u32) {
    let home = Home::up();
    println!("{}", home.status()["acceleration"]["why"].as_str().unwrap_or_default());
    let (mut ours, mut limit) = (Figure::default(), Figure::default());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for round in 1..=rounds {
        // The first boot formats the disk; only those after it are counted.
        home.berth(&["down"]).ok();
        let bare = runtime.block_on(bare());
        home.berth(&["up"]).ok();
        let booted = home.status()["boot_millis"].as_f64().expect("a boot time");
        println!("round {round}: ours {booted:.0} ms, bare kernel with an empty init {bare:.0} ms");
        ours.add(booted);
        limit.add(bare);
    }
    let status = home.status();
    for step in status["steps"].as_array().into_iter().flatten() {
        println!("  {:<16} {:>6} ms", step["name"].as_str().unwrap_or_default(), step["millis"]);
    }
    let ratio = ours.median() / limit.median();
    println!("boot [ms] ours=({ours}) limit=({limit}) ours/limit={ratio:.2} aim<={AIM:.1}");
}

/// Milliseconds from the start of QEMU to the line of an empty init.
async fn bare() -> f64 {
    let folder = tempfile::Builder::new().prefix("berth-").tempdir_in("/tmp").expect("a folder");
    let initramfs = folder.path().join("empty.cpio");
    let archive = cpio::Archive::default().file("/init", 0o755, &empty_init::elf()).finish();
    std::fs::write(&initramfs, archive).expect("an initramfs");
    let console = folder.path().join("console.log");
    let spec = MachineSpec {
        kernel: Build::share("vmlinux"),
        initramfs,
        initramfs_extra: vec![],
        cmdline: vec![],
        cpus: 2,
        memory_mib: 1024,
        disk: DataDisk { path: folder.path().join("data.raw"), bytes: 1 << 30 },
        console_log: console.clone(),
        run_dir: folder.path().into(),
    };
    let driver = berth_machine_qemu::QemuDriver::detect();
    let started = Instant::now();
    let vm = driver.boot(spec, &mut Timeline::new(|_| ())).await.expect("the bare kernel boots");
    while !reads(&console) {
        assert!(started.elapsed() < Duration::from_secs(60), "the empty init wrote no line");
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = started.elapsed();
    vm.shutdown(ShutdownMode::Kill).await;
    took.as_secs_f64() * 1000.0
}

fn reads(console: &Path) -> bool {
    std::fs::read(console).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(empty_init::LINE))
}
