//! Masks, devices, consoles and writes to procfs, redirected by links of an image and by a racer in a volume.

use super::{Canary, output, remove, start};
use crate::count;
use berth_tests::native::{Client, Engine, Ground, image};
use nix::sys::stat::makedev;
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// CVE-2025-31133, CVE-2025-52565, CVE-2025-52881, CVE-2026-88264, CVE-2026-88265: an image has links where the runtime
/// mounts, makes devices and hides files.
#[test]
fn links_of_an_image_redirect_nothing() {
    let ground = Ground::new();
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    let canary = Canary::new(ground.dir(), "null");
    let (file, folder) = (canary.folder.join("null"), canary.folder.clone());
    let (file, folder) = (file.to_str().expect("text"), folder.to_str().expect("text"));
    let up = format!("../../../../../../..{folder}");
    let own = |link: &'static str, target: &str| (link, target.to_owned());
    let (mut masked, mut refused) = (0, 0);
    for (number, (link, target)) in [
        own("dev", folder),
        own("dev", &up),
        own("dev", "proc"),
        own("dev/null", file),
        own("dev/null", "/proc/kcore"),
        own("dev/null", "/proc/self/fd/1"),
        own("dev/console", file),
        own("dev/console", "/proc/sysrq-trigger"),
        own("dev/console", "/proc/self/attr/exec"),
        own("dev/pts", folder),
        own("dev/pts", "/proc/self/fd"),
        own("dev/pts", "/proc/sys"),
        own("dev/ptmx", file),
        own("dev/shm", folder),
        own("dev/mqueue", &up),
        own("dev/fd", folder),
        own("proc", folder),
        own("proc", "sys"),
        own("proc", &up),
        own("sys", folder),
        own("sys", "proc"),
        own("etc/hosts", file),
        own("etc/hostname", "/proc/sys/kernel/hostname"),
        own("etc/resolv.conf", &up),
        own("sbin", &up),
        own("own", "/proc/kcore"),
    ]
    .into_iter()
    .enumerate()
    {
        let tag = format!("links{number}");
        client.load(&image(&tag, &json!({}), |layer| layer.link(link, &target)));
        for (tty, init) in [(false, true), (true, false)] {
            let host = json!({ "NetworkMode": "none", "Init": init, "Sysctls": { "net.ipv4.ip_default_ttl": "77" } });
            let body = json!({ "Image": tag, "Cmd": ["sleep", "100000"], "Tty": tty, "HostConfig": host });
            match shown(&mut client, &body) {
                Ok(()) => masked += 1,
                Err(why) => {
                    refused += 1;
                    assert!(
                        why.contains(&format!("/{link}")) || why.contains("proc") || why.contains("sys"),
                        "{link} -> {target}: {why}"
                    );
                }
            }
            canary.check(&format!("{link} -> {target}"));
        }
    }
    println!("{masked} containers with every mask in place, {refused} refused");
    assert!(masked > 20 && refused > 5, "{masked} {refused}");
}

/// As above, with a link that comes and goes: another container has the volumes that are the victim's `/dev`, lie below
/// its `/proc`, and hold paths that are masked and protected.
#[test]
fn a_racer_redirects_nothing() {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    let canary = Canary::new(ground.dir(), "file");
    let folder = canary.folder.display();
    // Each place is a directory or a file at one moment, and a link out, up, or into procfs at the next.
    let race = format!(
        "cd /dev-of-victim; mkdir pts shm mqueue; : > console; cd /held; mkdir hidden kept; : > secret; : > own
         swap() {{ for to in {folder} {folder}/file ../../../../../../..{folder} /proc/sys /proc/self/fd /proc/kcore; do
             mv $1 $1.was; ln -s $to $1; rm $1; mv $1.was $1; done; }}
         (cd /dev-of-victim; while :; do for at in pts console shm mqueue; do swap $at; done; done) &
         (cd /held; while :; do for at in hidden kept secret own; do swap $at; done; done)"
    );
    let racers = json!({ "Image": "busybox", "Cmd": ["sh", "-c", race], "HostConfig": {
        "NetworkMode": "none", "Binds": ["dev:/dev-of-victim", "held:/held"],
    } });
    let racer = client.create("racer", &racers);
    start(&mut client, &racer);
    let times = count(25);
    let (next, went, refused) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    // Several at once, so that victims have more of the processors than what races them.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = engine.client();
                loop {
                    let n = next.fetch_add(1, Relaxed);
                    if n >= times {
                        break;
                    }
                    match shown(&mut client, &victim(n)) {
                        Ok(()) => went.fetch_add(1, Relaxed),
                        Err(_) => refused.fetch_add(1, Relaxed),
                    };
                    canary.check(&format!("start {n}"));
                }
            });
        }
    });
    let (went, refused) = (went.into_inner(), refused.into_inner());
    println!("{times} starts beside a racer: {went} went through, {refused} met it");
    assert!(went > 0, "the racer kept every start from going through: nothing was tested");
    assert!(times < 1_000 || refused > 0, "no start met the racer: nothing was tested");
    assert_eq!(output(&mut client, &racer), "");
    remove(&mut client, &racer);
}

/// A container that has the racer's volume, every other pair of them also as its `/dev`.
fn victim(n: u32) -> Value {
    let (tty, own_dev) = (n.is_multiple_of(2), n % 4 < 2);
    let mut binds = vec!["held:/held"];
    if own_dev {
        binds.push("dev:/dev");
    }
    let masked = [DEFAULT_MASKS.as_slice(), &["/held/hidden", "/held/secret"]].concat();
    let host = json!({
        "NetworkMode": "none", "Binds": binds, "Sysctls": { "net.ipv4.ip_default_ttl": "77" },
        "MaskedPaths": masked,
        "ReadonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/held/kept", "/held/own"],
    });
    json!({ "Image": "busybox", "Cmd": ["sleep", "100000"], "Tty": tty, "HostConfig": host })
}

const DEFAULT_MASKS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// What docker lets a container read.
const READ_ONLY: [&str; 2] = ["/proc/sys", "/proc/sysrq-trigger"];

/// Has a container made and looks at it from outside, by descriptors; or why it was refused.
fn shown(client: &mut Client, body: &Value) -> Result<(), String> {
    let id = client.create("", body);
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    if started.status == 204 {
        let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
        is_masked(&PathBuf::from(format!("/proc/{}/root", state["Pid"])));
    }
    remove(client, &id);
    if started.status == 204 { Ok(()) } else { Err(started.text()) }
}

/// Every path that docker hides is a mask or not there, and every one that is kept from writes cannot be written to.
fn is_masked(root: &Path) {
    for path in DEFAULT_MASKS {
        let path = root.join(path.trim_start_matches('/'));
        let Ok(file) = File::options().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(&path) else {
            continue;
        };
        let of = file.metadata().expect("what it is");
        let masked = match of.is_dir() {
            true => fstatfs(&file).expect("its file system").filesystem_type() == TMPFS_MAGIC && of.nlink() == 2,
            false => of.file_type().is_char_device() && of.rdev() == makedev(1, 3),
        };
        assert!(masked, "{} is no mask: {of:?}", path.display());
    }
    for path in READ_ONLY {
        let path = root.join(path.trim_start_matches('/'));
        if let Ok(file) = File::options().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(&path) {
            let flags = fstatvfs(&file).expect("its mount").flags();
            assert!(flags.contains(FsFlags::ST_RDONLY), "{} takes writes", path.display());
        }
    }
}
