//! Attacks that runtimes have fallen to, each with something of the host's that must stay intact.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::json;

use crate::fixture::Fixture;

/// CVE-2019-5736: the runtime reopened for writing by way of its own process.
#[test]
fn the_runtimes_program_cannot_be_written_to_from_a_container() {
    let runtime = Path::new(env!("CARGO_BIN_EXE_berth-runtime"));
    let before = fs::read(runtime).unwrap();
    let attack = "
        while :; do for p in /proc/[0-9]*; do case $(cat $p/cmdline 2>/dev/null) in *tr''ap*state*)
            exec 9< $p/exe
            (echo overwritten > $p/exe) 2>&1
            (echo overwritten > /proc/self/fd/9) 2>&1
            kill -9 ${p#/proc/}; while [ -e $p ]; do :; done
            (echo overwritten > /proc/self/fd/9) 2>&1
            exit
        esac; done; done";
    let attacker = Fixture::new(attack);
    let (mut monitor, announcement) = attacker.monitor();
    let pid = &announcement["created"]["pid"];
    let libraries = json!(["/lib", "/lib64", "/usr/lib"]);
    // The victim's program is the runtime itself, held up by a fifo where it looks for a container's state.
    let mut victim = Fixture::new("").with(|spec| {
        spec["process"]["args"] = json!(["/proc/self/exe", "--root", "/trap", "state", "x"]);
        let list = spec["linux"]["namespaces"].as_array_mut().unwrap();
        list.iter_mut().find(|entry| entry["type"] == "pid").unwrap()["path"] = json!(format!("/proc/{pid}/ns/pid"));
    });
    for library in libraries.as_array().unwrap().iter().filter(|path| Path::new(path.as_str().unwrap()).is_dir()) {
        victim = victim.mount(json!({ "destination": library, "source": library, "options": ["rbind", "ro"] }));
    }
    fs::create_dir_all(victim.rootfs().join("trap/x")).unwrap();
    let status = Command::new("mkfifo").arg(victim.rootfs().join("trap/x/state.json")).status().unwrap();
    assert!(status.success());
    let (mut victims_monitor, _) = victim.monitor();
    attacker.succeed(&["start", &attacker.id]);
    victim.succeed(&["start", &victim.id]);
    assert!(monitor.wait().unwrap().success());
    assert!(victims_monitor.wait().unwrap().success());
    let refusals = attacker.ended().stdout;
    assert_eq!(refusals.matches("Read-only file system").count(), 3, "{refusals}");
    assert!(fs::read(runtime).unwrap() == before, "the runtime was overwritten");
}

/// CVE-2024-21626: a descriptor of the host's tree as working directory, or simply left open.
#[test]
fn no_descriptor_of_the_host_is_left_open_or_entered() {
    let fixture = Fixture::new("ls /proc/1/fd; exit");
    fixture.write_config();
    let monitor = fixture.monitor_command();
    // As from an engine that forgot to close some.
    let mut careless = Command::new("sh");
    careless.args(["-c", "exec 7</ 8</etc/shadow 9<>/dev/null; exec \"$@\"", "sh"]);
    careless.arg(monitor.get_program()).args(monitor.get_args());
    let mut careless =
        careless.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut announcement = String::new();
    std::io::Read::read_to_string(&mut careless.stdout.take().unwrap(), &mut announcement).unwrap();
    fixture.succeed(&["start", &fixture.id]);
    careless.wait().unwrap();
    assert_eq!(fixture.ended().stdout, "0\n1\n2\n");

    let mut fixture = Fixture::new("ls");
    for descriptor in 0..40 {
        for directory in [format!("/proc/self/fd/{descriptor}"), format!("/proc/thread-self/fd/{descriptor}")] {
            fixture = fixture.with(|spec| spec["process"]["cwd"] = json!(directory));
            let error = fixture.refused();
            assert!(error["message"].as_str().unwrap().contains("working directory /proc/"), "{error}");
        }
    }
    symlink("/proc/self/fd/7", fixture.rootfs().join("way")).unwrap();
    let fixture = fixture.with(|spec| spec["process"]["cwd"] = json!("/way"));
    assert_eq!(fixture.refused()["kind"], "other");
}

/// CVE-2019-19921, CVE-2023-27561: masks that land beside a procfs mounted elsewhere.
#[test]
fn procfs_and_sysfs_are_not_mounted_behind_a_link() {
    for name in ["proc", "sys"] {
        let fixture = Fixture::new("ls /");
        fs::create_dir(fixture.rootfs().join("elsewhere")).unwrap();
        symlink("elsewhere", fixture.rootfs().join(name)).unwrap();
        let message = fixture.refused()["message"].to_string();
        assert!(message.contains("must be mounted on an ordinary directory"), "{message}");
    }
}

/// CVE-2025-31133, CVE-2025-52565: masks, consoles and devices redirected by links of the image.
#[test]
fn links_of_an_image_redirect_neither_masks_nor_devices_nor_the_console() {
    let canary = tempfile::tempdir().unwrap();
    let file = canary.path().join("file");
    fs::write(&file, "intact").unwrap();
    // Without a tmpfs on /dev the image's own files are there.
    let own_dev = |links: &[(&str, &str)]| {
        let fixture = Fixture::new("cat /proc/kcore | head -c 5 | wc -c; ls -l /dev/null").with(|spec| {
            let mounts = spec["mounts"].as_array_mut().unwrap();
            mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        });
        fs::create_dir(fixture.rootfs().join("dev")).unwrap();
        for (link, target) in links {
            symlink(target, fixture.rootfs().join(link)).unwrap();
        }
        fixture
    };
    let to_null = own_dev(&[("dev/null", file.to_str().unwrap())]);
    assert!(to_null.refused()["message"].as_str().unwrap().starts_with("create /dev/null"));
    // The mask is the host's null device, whatever the image calls so.
    let to_zero = own_dev(&[("dev/kcore-source", "/proc/kcore")]);
    assert!(to_zero.run().stdout.starts_with("0\n"));
    let console = own_dev(&[("dev/console", file.to_str().unwrap()), ("dev/pts", "/etc")])
        .with(|spec| spec["process"]["terminal"] = json!(true));
    let error = console.refused();
    assert!(error["message"].as_str().unwrap().contains("/dev/pts"), "{error}");
    let away = own_dev(&[]);
    fs::remove_dir(away.rootfs().join("dev")).unwrap();
    symlink(format!("/../../../../../..{}", canary.path().display()), away.rootfs().join("dev")).unwrap();
    away.runtime(&["create", "--bundle", away.path().to_str().unwrap(), &away.id]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "intact");
    assert_eq!(fs::read_dir(canary.path()).unwrap().count(), 1);
}

/// CVE-2025-52881: a write to procfs that lands in another file, for mounts the bundle puts over it.
#[test]
fn a_write_to_procfs_is_not_redirected_by_mounts_of_the_bundle() {
    let decoy = tempfile::tempdir().unwrap();
    fs::create_dir_all(decoy.path().join("net/ipv4")).unwrap();
    fs::write(decoy.path().join("net/ipv4/ip_default_ttl"), "intact").unwrap();
    let fixture = Fixture::new("cat /proc/sys/net/ipv4/ip_default_ttl")
        .with(|spec| spec["linux"]["sysctl"] = json!({ "net.ipv4.ip_default_ttl": "77" }))
        .mount(json!({ "destination": "/proc/sys", "source": decoy.path(), "options": ["bind"] }));
    assert_eq!(fixture.run().stdout, "intact");
}

/// CVE-2021-30465: a mount's target exchanged for a link while it is mounted, through a volume of another container.
#[test]
fn an_exchanged_mount_target_leads_nowhere_else() {
    // In memory, an exchange takes microseconds: many happen during each start.
    let (volume, outside) = (tempfile::tempdir_in("/dev/shm").unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("canary"), "intact").unwrap();
    let (directory, link) = (volume.path().join("target"), volume.path().join("link"));
    fs::create_dir(&directory).unwrap();
    symlink(format!("/../../../../../../../..{}", outside.path().display()), &link).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat2(AT_FDCWD, &directory, AT_FDCWD, &link, RenameFlags::RENAME_EXCHANGE).unwrap();
            }
        });
        let _stop = StopAtEnd(&stop);
        for _ in 0..40 {
            let fixture = Fixture::new("cat /v/target/canary /canary")
                .mount(json!({ "destination": "/v", "source": volume.path(), "options": ["rbind"] }))
                .mount(json!({ "destination": "/v/target/new/deep", "type": "tmpfs" }));
            let (mut monitor, announcement) = fixture.monitor();
            if announcement.get("created").is_some() {
                fixture.succeed(&["start", &fixture.id]);
                monitor.wait().unwrap();
                assert!(!fixture.ended().stdout.contains("intact"));
            }
            monitor.wait().unwrap();
        }
    });
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "something was made outside of the container");
}

/// Ends the racer also when the test fails: its scope waits for it.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
