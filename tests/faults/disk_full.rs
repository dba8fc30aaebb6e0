//! The data disk fills at each MiB of a load, of a pull, and of a container's output: nothing half-made stays, the API lives, and the
//! space comes back.

use crate::count;
use crate::disk::Disk;
use crate::power_cut::checked;
use crate::registry::Registry;
use berth_tests::eventually;
use berth_tests::native::{Client, Engine, Ground, busybox, container, image};
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// Bytes of the disk.
const DISK: u64 = 64 * MIB;
/// More than the load needs (archive, blob and files): with this much free it must succeed.
const ENOUGH: u64 = 46;

#[test]
fn a_full_disk_leaves_nothing_half_made() {
    let ground = Ground::new();
    let file = ground.dir().join("disk");
    File::create(&file).and_then(|file| file.set_len(DISK)).expect("a disk");
    Disk::format(&file);
    let disk = Disk::mount(&ground, &file);
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    client.load(&busybox());
    let big = image("big", &json!({}), |layer| {
        for number in 0..10_u32 {
            let content: Vec<u8> =
                (0..1 << 18).flat_map(|at: u32| at.wrapping_mul(2_654_435_761 + number).to_le_bytes()).collect();
            layer.file(&format!("opt/{number}"), 0o644, &content);
        }
    });
    client.load(&big);
    let registry = Registry::plain(&ground, 5000);
    registry.take(&engine, "big");
    let pulled = registry.image("big");
    let (objects, free) = (disk.objects(), settled(&disk));
    let step = (ENOUGH / u64::from(count(4)).clamp(1, ENOUGH)).max(1);
    let (mut refused, mut stored) = (0, 0);
    for left in (0..=ENOUGH).rev().step_by(usize::try_from(step).expect("a few")) {
        let ballast = Ballast::leave(&disk, left * MIB);
        let ways: [(&str, &dyn Fn() -> Option<String>); 2] = [
            // A connection whose request was refused half-way is of no more use.
            ("big", &|| {
                let answer = engine.client().send("POST", "/images/load?quiet=1", &big);
                Some(answer.text()).filter(|text| answer.status != 200 || text.contains("\"error\""))
            }),
            (&pulled, &|| registry.pull(&mut engine.client(), "big")),
        ];
        for (name, store) in ways {
            let failed = store();
            let tags = client.request("GET", "/images/json", None).ok().to_string();
            let there = tags.contains(&format!("\"{name}:latest\""));
            assert_eq!(there, failed.is_none(), "{left} MiB, {name}: {tags}");
            if let Some(failed) = failed {
                // The system's words, or SQLite's.
                let why = ["No space left on device", "disk is full"];
                assert!(why.iter().any(|why| failed.contains(why)), "{left} MiB, {name}: {failed}");
                refused += 1;
            } else {
                stored += 1;
                assert_eq!(client.request("DELETE", &format!("/images/{name}"), None).status, 200);
            }
            assert_eq!(disk.objects(), objects, "{left} MiB: what {name} left");
        }
        writes_until_full(&mut client, left);
        drop(ballast);
        assert_eq!(checked(&mut client)["Damaged"], json!([]), "{left} MiB");
        eventually(&format!("{left} MiB: the space comes back"), Duration::from_secs(10), || {
            Some(()).filter(|()| settled(&disk) + MIB >= free)
        });
    }
    println!("{refused} loads and pulls refused, {stored} done");
    assert!(refused > 1 && stored > 1, "{refused} refused, {stored} done");
    client.load(&big);
}

/// A container writes to its disk and its log; it ends or is removed, and the API answers throughout.
fn writes_until_full(client: &mut Client, left: u64) {
    let body = container(&["sh", "-c", "head -c 3000000 /dev/zero > /filled; yes line | head -c 500000"], "none");
    let made = client.request("POST", &format!("/containers/create?name=writer-{left}"), Some(&body));
    let Some(id) = made.text().split('"').nth(3).filter(|_| made.status == 201).map(str::to_owned) else {
        assert!(made.status >= 500, "{left} MiB: {}", made.text());
        assert!(!client.request("GET", "/containers/json?all=1", None).text().contains("writer-"), "{left} MiB");
        return;
    };
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    if started.status == 204 {
        client.request("POST", &format!("/containers/{id}/wait"), None).ok();
    }
    let removed = client.request("DELETE", &format!("/containers/{id}?force=1"), None);
    assert_eq!(removed.status, 204, "{left} MiB: {}", removed.text());
}

/// What is free when the filesystem has given back what was deleted.
fn settled(disk: &Disk<'_>) -> u64 {
    nix::unistd::sync();
    disk.free()
}

/// A file that takes what is free.
struct Ballast(std::path::PathBuf);

impl Ballast {
    /// Leaves `bytes` free.
    fn leave(disk: &Disk<'_>, bytes: u64) -> Self {
        let path = disk.path().join("ballast");
        let size = settled(disk).saturating_sub(bytes);
        allocate(&path, size);
        Self(path)
    }
}

fn allocate(path: &Path, size: u64) {
    let file = File::create(path).expect("a file");
    // The filesystem needs a little for itself.
    for less in 0..64 {
        let size = size.saturating_sub(less * 16_384);
        if size == 0 || rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size).is_ok() {
            return;
        }
        file.set_len(0).expect("begin anew");
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("the ballast");
    }
}
