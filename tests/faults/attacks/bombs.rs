//! S9: layers that are far larger than their bytes, and documents that lie. The engine takes little memory, says why, and
//! lives.

use crate::count;
use berth_tests::native::{Client, Engine, Ground, container, image};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// What the engine may take above what it takes when idle, KiB.
const ALLOWED: u64 = 64 << 10;
const MIB: u64 = 1 << 20;

#[test]
fn bombs_take_little_memory_and_break_nothing() {
    // In full, 10 GiB in a file, and a million whiteouts.
    let share = u64::from(count(3).min(1000));
    let (bytes, names) = (10 * (1 << 30) / 1000 * share, 1_000_000 / 1000 * share);
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    let idle = resident(engine.pid(), "VmRSS:");
    let objects = ground.objects();
    for (what, archive) in [
        ("a large file in gzip", bomb(Pack::Gzip, |layer| zeros(layer, bytes))),
        ("a large file in zstd", bomb(Pack::Zstd, |layer| zeros(layer, bytes))),
        ("many whiteouts", bomb(Pack::Gzip, |layer| whiteouts(layer, names))),
        ("many directories", bomb(Pack::Zstd, |layer| directories(layer, names / 10))),
    ] {
        forget_peak(engine.pid());
        println!("{what}: {} bytes", archive.len());
        client.load(&archive);
        let peak = resident(engine.pid(), "VmHWM:");
        println!("{what}: at most {} KiB above idle", peak.saturating_sub(idle));
        assert!(peak <= idle + ALLOWED, "{what}: {peak} KiB, idle {idle} KiB");
        assert_eq!(client.request("DELETE", "/images/bomb", None).status, 200, "{what}");
        assert_eq!(ground.objects(), objects, "{what}");
    }
    forget_peak(engine.pid());
    huge_group(&mut client, share);
    wrong_digests(&mut client);
    let peak = resident(engine.pid(), "VmHWM:");
    assert!(peak <= idle + ALLOWED, "documents: {peak} KiB, idle {idle} KiB");
    // It is still the process that it was.
    let id = client.create("", &container(&["true"], "none"));
    assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
}

/// A container whose image has an endless list of groups starts, or is refused with a sentence.
fn huge_group(client: &mut Client, share: u64) {
    let line = b"g:x:7:root\n".repeat(usize::try_from(share * MIB / 100).expect("memory") / 11 + 1000);
    client.load(&image("groups", &json!({}), |layer| layer.file("etc/group", 0o644, &line)));
    let mut body = container(&["true"], "none");
    body["Image"] = json!("groups");
    body["User"] = json!("root");
    let id = client.create("", &body);
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    assert!([204, 400, 500].contains(&started.status), "{}", started.text());
    assert_eq!(client.request("GET", "/_ping", None).text(), "OK");
}

/// Archives whose digests are none, or are others'.
fn wrong_digests(client: &mut Client) {
    let good = "sha256:".to_owned() + &"a".repeat(64);
    for digest in ["", "sha256:", "sha256:xyz", "md5:00", "sha256:\u{0}", &"sha256:".repeat(1000), &good] {
        let config =
            json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [digest] } });
        let archive = docker_archive(&config, &[0; 1024]);
        let answer = client.send("POST", "/images/load?quiet=1", &archive);
        let failed = answer.status >= 400 || answer.text().contains("\"error\"");
        assert!(failed, "{digest:.80}: {}", answer.text());
    }
}

#[derive(Clone, Copy)]
enum Pack {
    Gzip,
    Zstd,
}

/// `docker save` of an image `bomb` with a layer that `fill` writes.
fn bomb(pack: Pack, fill: impl Fn(&mut dyn Write)) -> Vec<u8> {
    let mut hash = Hashed(Sha256::new());
    fill(&mut hash);
    let hash: String = hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let packed = match pack {
        Pack::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            fill(&mut gzip);
            gzip.finish().expect("memory")
        }
        Pack::Zstd => {
            let mut zstd = zstd::Encoder::new(Vec::new(), 3).expect("zstd");
            fill(&mut zstd);
            zstd.finish().expect("memory")
        }
    };
    let diff_ids = [format!("sha256:{hash}")];
    docker_archive(
        &json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids } }),
        &packed,
    )
}

fn docker_archive(config: &Value, layer: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["bomb:latest"], "Layers": ["layer.tar"] }]);
    let (manifest, config) = (manifest.to_string(), config.to_string());
    for (name, bytes) in
        [("manifest.json", manifest.as_bytes()), ("config.json", config.as_bytes()), ("layer.tar", layer)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes).expect("a file");
    }
    archive.into_inner().expect("an archive")
}

fn entry(out: &mut dyn Write, name: &str, kind: tar::EntryType, size: u64) {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).expect("a short name");
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(size);
    header.set_cksum();
    out.write_all(header.as_bytes()).expect("memory");
}

fn zeros(out: &mut dyn Write, bytes: u64) {
    entry(out, "zeros", tar::EntryType::Regular, bytes);
    let piece = vec![0; 1 << 20];
    let padded = bytes.next_multiple_of(512);
    for at in (0..padded).step_by(piece.len()) {
        let len = usize::try_from(padded - at).map_or(piece.len(), |left| left.min(piece.len()));
        out.write_all(&piece[..len]).expect("memory");
    }
}

fn whiteouts(out: &mut dyn Write, names: u64) {
    (0..names).for_each(|name| entry(out, &format!("d/.wh.{name}"), tar::EntryType::Regular, 0));
}

fn directories(out: &mut dyn Write, names: u64) {
    (0..names).for_each(|name| entry(out, &format!("d/{name}"), tar::EntryType::Directory, 0));
}

struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has the kernel begin anew with the most that a process had.
fn forget_peak(pid: u32) {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the engine's memory");
}

fn resident(pid: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the engine's status");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
