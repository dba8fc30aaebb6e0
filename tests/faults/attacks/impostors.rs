//! Programs and libraries of a container that the engine might take for its own.

use super::{Canary, exec, remove, run, runtime::libraries, start};
use berth_tests::native::{Client, Engine, Ground, Layer, image, program};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What engines have been found to run, or run themselves.
const PROGRAMS: [&str; 30] = [
    "xz",
    "unxz",
    "unpigz",
    "pigz",
    "gzip",
    "gunzip",
    "zstd",
    "unzstd",
    "bzip2",
    "tar",
    "git",
    "cp",
    "ps",
    "nft",
    "iptables",
    "ip",
    "mkfs.ext4",
    "mount",
    "umount",
    "modprobe",
    "getent",
    "newuidmap",
    "newgidmap",
    "runc",
    "docker-init",
    "docker-untar",
    "docker-tar",
    "berth-runtime",
    "lsb_release",
    "ldconfig",
];
const FOLDERS: [&str; 6] = ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "opt/bin"];
/// What a C library loads to find a user, an address, a character set.
const LIBRARIES: [&str; 8] = [
    "libnss_files.so.2",
    "libnss_compat.so.2",
    "libnss_dns.so.2",
    "libnss_evil.so.2",
    "libgcc_s.so.1",
    "liblzma.so.5",
    "libz.so.1",
    "evil.so",
];
const LIBRARY_FOLDERS: [&str; 4] = ["lib", "lib64", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// CVE-2019-14271, CVE-2026-41567: nothing of an image is executed or loaded but what was asked to run, whatever is done
/// with the image and its container. Each impostor leaves its name where the engine, or who has the container's root,
/// would see it.
#[test]
fn nothing_of_an_image_runs_for_the_engine() {
    let ground = Ground::new();
    let canary = Canary::new(ground.dir(), "own");
    let library = impostor_library(ground.dir(), &canary.folder);
    let script = format!("#!/bin/sh\necho \"$0 $*\" > {}/ran-$$\n", canary.folder.display());
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    let archive =
        image("impostors", &json!({ "User": "web:staff" }), |layer| fill(layer, &canary.folder, &script, &library));
    for compressed in ["cat", "gzip", "xz"] {
        let answer = client.send("POST", "/images/load?quiet=1", &pressed(compressed, &archive));
        assert!(compressed != "cat" || answer.status == 200, "{}", answer.text());
    }
    // A runtime that is built for this machine and not for the guest needs libraries where it is the container's init.
    let init_is_whole = libraries(&program("berth-runtime")).is_empty();
    let mut body = run(
        &["/bin/busybox", "sleep", "100000"],
        json!({
            "NetworkMode": "bridge", "Init": init_is_whole, "GroupAdd": ["staff"], "Binds": ["kept:/kept"],
            "Tmpfs": { "/scratch": "" },
        }),
    );
    body["Image"] = json!("impostors");
    // Relative ones are found in the container, where the image wants it so.
    body["Env"] = json!(["PATH=/opt/bin:/bin", "LD_LIBRARY_PATH=/lib", "LD_PRELOAD=/lib/evil.so", "GCONV_PATH=/lib"]);
    body["Healthcheck"] = json!({ "Test": ["CMD", "/bin/busybox", "true"], "Interval": 100_000_000 });
    let id = client.create("impostors", &body);
    start(&mut client, &id);
    everything(&mut client, &id);
    for user in ["web", "web:staff", "", "1234"] {
        let asked = json!({ "Cmd": ["/bin/busybox", "true"], "User": user });
        let (started, code) = exec(&mut client, &id, &asked);
        assert_eq!((started.status, code), (200, json!(0)), "{user}: {}", started.text());
    }
    let seen = inside(&mut client, &id, &canary.folder);
    assert_eq!(
        seen,
        [canary.folder.file_name().expect("a name").to_string_lossy() + "/"],
        "ran with the container's root"
    );
    canary.check("ran with the machine's root");
    // The impostors are what they are thought to be.
    let (started, code) = exec(&mut client, &id, &json!({ "Cmd": ["/usr/bin/xz", "-d"], "User": "root" }));
    assert_eq!((started.status, code), (200, json!(0)), "{}", started.text());
    assert_eq!(inside(&mut client, &id, &canary.folder).len(), 2, "a program leaves its name");
    let loads = Command::new("true").env("LD_PRELOAD", ground.dir().join("evil.so")).status();
    assert!(loads.expect("true").success() && canary.folder.join("loaded").exists(), "a library leaves its name");
    remove(&mut client, &id);
}

fn fill(layer: &mut Layer, canary: &Path, script: &str, library: &[u8]) {
    for folder in FOLDERS {
        for program in PROGRAMS {
            layer.file(&format!("{folder}/{program}"), 0o755, script.as_bytes());
        }
    }
    for folder in LIBRARY_FOLDERS {
        for name in LIBRARIES {
            layer.file(&format!("{folder}/{name}"), 0o755, library);
        }
    }
    layer.file("etc/ld.so.preload", 0o644, b"/lib/evil.so\n");
    layer.file("etc/nsswitch.conf", 0o644, b"passwd: evil files\ngroup: evil files\nhosts: evil files\n");
    layer.file("etc/passwd", 0o644, b"root:x:0:0::/root:/bin/sh\nweb:x:500:500::/srv:/bin/sh\n");
    layer.file("etc/group", 0o644, b"root:x:0:\nstaff:x:50:web\n");
    layer.file("data/file", 0o644, b"text");
    layer.entry(canary.to_str().expect("text").trim_start_matches('/'), tar::EntryType::Directory, 0o777);
}

/// What an engine may want a helper for.
fn everything(client: &mut Client, id: &str) {
    let tar = {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(3);
        archive.append_data(&mut header, "put", &b"put"[..]).expect("a file");
        archive.into_inner().expect("an archive")
    };
    for (place, compressed) in
        [("/data", "cat"), ("/data", "gzip"), ("/data", "bzip2"), ("/data", "xz"), ("/kept", "xz")]
    {
        let answer = client.send("PUT", &format!("/containers/{id}/archive?path={place}"), &pressed(compressed, &tar));
        let known = ["cat", "gzip"].contains(&compressed);
        assert!(answer.status == 200 || !known && answer.status < 500, "{compressed}: {}", answer.text());
    }
    for path in [
        "archive?path=/data",
        "archive?path=/usr/bin",
        "archive?path=/kept",
        "changes",
        "export",
        "top",
        "json?size=1",
        "stats?stream=0",
        "logs?stdout=1",
    ] {
        let answer = client.request("GET", &format!("/containers/{id}/{path}"), None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    for verb in ["pause", "unpause", "restart?t=0", "stop?t=0", "start"] {
        let answer = client.request("POST", &format!("/containers/{id}/{verb}"), None);
        // Only a cgroup that owns the freezer can be paused; this machine's may not.
        assert!(answer.status == 204 || verb.ends_with("pause"), "{verb}: {}", answer.text());
    }
    client.request("POST", &format!("/commit?container={id}&repo=again"), Some(&json!({}))).ok();
    client.request("GET", "/system/df", None).ok();
    // Its health has been looked at by now.
    berth_tests::eventually("it is healthy", std::time::Duration::from_secs(30), || {
        let state: Value = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
        (state["Health"]["Status"] == "healthy").then_some(())
    });
}

/// A library that leaves a file in `canary` when it is loaded.
fn impostor_library(dir: &Path, canary: &Path) -> Vec<u8> {
    let (source, library) = (dir.join("evil.c"), dir.join("evil.so"));
    let text = format!(
        "#include <fcntl.h>\n__attribute__((constructor)) static void loaded(void) {{ open(\"{}/loaded\", O_CREAT | O_WRONLY, 0666); }}\n",
        canary.display()
    );
    std::fs::write(&source, text).expect("a source");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(made.expect("cc, from Debian's build-essential").success());
    std::fs::read(library).expect("a library")
}

/// What `program` makes of `bytes`.
fn pressed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(program);
    let mut input = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writes = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().expect(program);
    writes.join().expect("a thread").expect("a pipe");
    assert!(output.status.success(), "{program}");
    output.stdout
}

/// The canary's folder as it is in the container.
fn inside(client: &mut Client, id: &str, canary: &Path) -> Vec<String> {
    let answer = client.request("GET", &format!("/containers/{id}/archive?path={}", canary.display()), None);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut archive = tar::Archive::new(&answer.body[..]);
    let entries = archive.entries().expect("an archive");
    entries.map(|entry| entry.expect("an entry").path().expect("a path").display().to_string()).collect()
}
