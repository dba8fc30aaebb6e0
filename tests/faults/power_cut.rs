//! The power is cut at any moment of loads, pulls and removals. Every write and flush that reached the disk is logged (QEMU's
//! `blklogwrites`, through a file that FUSE exports); each cut is one place in the log, after which of the writes that
//! were not flushed some are there and others are not. The filesystem and the engine are started on what is left.

use crate::count;
use crate::disk::{Disk, ran};
use crate::odds::Odds;
use crate::registry::Registry;
use berth_tests::eventually;
use berth_tests::native::{Client, Engine, Ground, image};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DISK: u64 = 512 << 20;
const SECTOR: u64 = 512;
/// Of the registry.
const PORT: u16 = 5000;
/// Flags of an entry of the log (`dm-log-writes.rst` in the kernel's documentation).
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
/// Names that are stored and removed, each with layers of its own: the even ones loaded, the odd ones pulled.
const NAMES: u64 = 4;

/// What was promised when the log had this length, bytes.
struct Promise {
    at: u64,
    image: String,
    /// It is stored, or a removal of it may have begun.
    stored: bool,
}

#[test]
fn what_an_engine_promised_outlives_a_power_cut() {
    let (mut odds, cuts) = (Odds::new(), count(10));
    let rig = Rig::new();
    let ground = Ground::new();
    let promises = recorded(&rig, &ground, &mut odds, Duration::from_secs(if cuts > 100 { 30 } else { 6 }));
    let log = rig.end();
    let entries = entries(&log);
    println!("{} writes and flushes, {} promises", entries.len(), promises.len());
    let mut places: Vec<_> = (0..cuts).map(|_| odds.below(entries.len() as u64)).collect();
    places.sort_unstable();
    let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let mut replay = Replay::new(&log, &entries, folder.path());
    let (mut kept, mut unused) = (0, 0);
    for (number, place) in places.into_iter().enumerate() {
        let cut = replay.cut(usize::try_from(place).expect("an index"), &mut odds);
        if Command::new("blkid").arg(&cut).output().is_ok_and(|found| found.stdout.is_empty()) {
            // The filesystem itself was not there yet.
            unused += 1;
            continue;
        }
        let at = entries[usize::try_from(place).expect("an index")].end();
        kept += check(&ground, &cut, &promises, at, number);
    }
    println!("{cuts} cuts, {unused} of them before the filesystem was there; {kept} promised images were whole");
}

/// Loads, pulls and removes images until `life` is over, on a disk whose writes are logged.
fn recorded(rig: &Rig, ground: &Ground, odds: &mut Odds, life: Duration) -> Vec<Promise> {
    Disk::format(&rig.exported());
    let disk = Disk::mount(ground, &rig.exported());
    let engine = Engine::start(ground);
    let mut client = engine.client();
    let archives: Vec<_> = (0..NAMES).map(archive).collect();
    let registry = Registry::plain(ground, PORT);
    for number in (1..NAMES).step_by(2) {
        client.load(&archives[usize::try_from(number).expect("an index")]);
        registry.take(&engine, &loaded_name(number));
    }
    let mut stored = BTreeSet::new();
    let mut promises = Vec::new();
    let began = Instant::now();
    while began.elapsed() < life {
        let number = odds.below(NAMES);
        let image = name(number);
        if stored.remove(&number) {
            promises.push(Promise { at: rig.length(), image: image.clone(), stored: false });
            assert_eq!(client.request("DELETE", &format!("/images/{image}"), None).status, 200);
        } else {
            if number.is_multiple_of(2) {
                client.load(&archives[usize::try_from(number).expect("an index")]);
            } else {
                assert_eq!(registry.pull(&mut client, &loaded_name(number)), None);
            }
            promises.push(Promise { at: rig.length(), image, stored: true });
            stored.insert(number);
        }
    }
    engine.kill();
    drop(disk);
    promises
}

/// What it is called when it is stored.
fn name(number: u64) -> String {
    let name = loaded_name(number);
    if number.is_multiple_of(2) { name } else { format!("localhost:{PORT}/{name}") }
}

fn loaded_name(number: u64) -> String {
    format!("cut-{number}")
}

fn archive(number: u64) -> Vec<u8> {
    image(&loaded_name(number), &json!({}), |layer| {
        for file in 0..20 {
            let content: Vec<u8> =
                (0..8_000 * (1 + number)).flat_map(|at| (at * 2_654_435_761 + file).to_le_bytes()).collect();
            layer.file(&format!("opt/{number}/{file}"), 0o644, &content);
        }
    })
}

/// Starts the engine on what a cut left; how many images were promised and are whole.
fn check(ground: &Ground, disk: &Path, promises: &[Promise], at: u64, number: usize) -> usize {
    let disk = Disk::mount(ground, disk);
    let engine = Engine::start(ground);
    let mut client = engine.client();
    let listed = client.request("GET", "/images/json", None).ok();
    let tags: BTreeSet<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|image| image["RepoTags"].as_array().cloned().unwrap_or_default())
        .map(|tag| tag.as_str().unwrap_or_default().trim_end_matches(":latest").to_owned())
        .collect();
    let mut kept = 0;
    for image in (0..NAMES).map(name) {
        let last = promises.iter().rfind(|promise| promise.image == image && promise.at <= at);
        if last.is_some_and(|promise| promise.stored) {
            assert!(tags.contains(&image), "cut {number}: {image} was promised, and there are {tags:?}");
            kept += 1;
        }
    }
    let found = checked(&mut client);
    assert_eq!(found["Damaged"], json!([]), "cut {number}");
    // And it goes on from there.
    client.load(&archive(0));
    engine.kill();
    drop(disk);
    kept
}

/// What a check of all images finds.
pub(crate) fn checked(client: &mut Client) -> Value {
    let answer = client.request("POST", "/images/check", None);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let last: Value = serde_json::from_str(text.lines().next_back().expect("a line")).expect("JSON");
    assert!(last["aux"].is_object(), "{text}");
    last["aux"].clone()
}

/// A disk whose writes are logged.
struct Rig {
    folder: tempfile::TempDir,
    daemon: Child,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let place = |name: &str| folder.path().join(name);
        File::create(place("disk")).and_then(|disk| disk.set_len(DISK)).expect("a disk");
        for name in ["log", "exported"] {
            File::create(place(name)).expect("a file");
        }
        let path = |name: &str| place(name).to_string_lossy().into_owned();
        let mut command = Command::new("qemu-storage-daemon");
        command.args(["--blockdev", &format!("driver=file,node-name=disk,filename={},discard=unmap", path("disk"))]);
        command.args(["--blockdev", &format!("driver=file,node-name=log,filename={}", path("log"))]);
        command.args(["--blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512"]);
        command.args([
            "--export",
            &format!("type=fuse,id=it,node-name=logged,mountpoint={},writable=on", path("exported")),
        ]);
        let daemon =
            command.stdin(Stdio::null()).spawn().expect("qemu-storage-daemon, from Debian's qemu-system-common");
        eventually("the disk is there", Duration::from_secs(10), || {
            place("exported").metadata().ok().filter(|meta| meta.len() == DISK)
        });
        Self { folder, daemon }
    }

    fn exported(&self) -> PathBuf {
        self.folder.path().join("exported")
    }

    /// Bytes of the log.
    fn length(&self) -> u64 {
        self.folder.path().join("log").metadata().expect("the log").len()
    }

    /// The log, once all of it is written.
    fn end(mut self) -> PathBuf {
        let pid = nix::unistd::Pid::from_raw(self.daemon.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).expect("the daemon");
        self.daemon.wait().expect("its end");
        let (from, to) = (self.folder.path().join("log"), tempfile::tempdir_in("/var/tmp").expect("a folder").keep());
        std::fs::rename(from, to.join("log")).expect("the log");
        to.join("log")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
    }
}

/// One write or flush.
#[derive(Clone, Copy, Debug)]
struct Entry {
    sector: u64,
    sectors: u64,
    flags: u64,
    /// Where in the log its data is.
    data: u64,
}

impl Entry {
    /// Where in the log it ends.
    fn end(&self) -> u64 {
        self.data + if self.flags & DISCARD == 0 { self.sectors * SECTOR } else { 0 }
    }
}

fn entries(log: &Path) -> Vec<Entry> {
    let file = File::open(log).expect("the log");
    let length = file.metadata().expect("the log").len();
    let numbers = |at: u64| {
        let mut bytes = [0; 32];
        file.read_exact_at(&mut bytes, at).expect("an entry");
        let number = |index: usize| u64::from_le_bytes(bytes[index * 8..][..8].try_into().expect("8 bytes"));
        [number(0), number(1), number(2), number(3)]
    };
    let [magic, version, ..] = numbers(0);
    assert_eq!((magic, version), (0x6a_7366_7773_6872, 1), "a log of writes");
    let mut entries = Vec::new();
    let mut at = SECTOR;
    while at + SECTOR <= length {
        let [sector, sectors, flags, _] = numbers(at);
        let entry = Entry { sector, sectors, flags, data: at + SECTOR };
        at = entry.end();
        if at <= length {
            entries.push(entry);
        }
    }
    entries
}

/// The disk as it was up to a flush, moved forward from cut to cut.
struct Replay<'a> {
    log: File,
    entries: &'a [Entry],
    folder: &'a Path,
    disk: File,
    done: usize,
}

impl<'a> Replay<'a> {
    fn new(log: &Path, entries: &'a [Entry], folder: &'a Path) -> Self {
        let disk = File::options().create(true).read(true).write(true).truncate(true).open(folder.join("flushed"));
        let disk = disk.expect("a disk");
        disk.set_len(DISK).expect("a disk");
        Self { log: File::open(log).expect("the log"), entries, folder, disk, done: 0 }
    }

    /// The disk as a cut right behind the entry `at` leaves it.
    fn cut(&mut self, at: usize, odds: &mut Odds) -> PathBuf {
        let flushed = (self.done..=at).rev().find(|index| self.entries[*index].flags & FLUSH != 0);
        if let Some(flushed) = flushed {
            for entry in &self.entries[self.done..=flushed] {
                self.apply(&self.disk, entry, entry.sectors);
            }
            self.done = flushed + 1;
        }
        let cut = self.folder.join("cut");
        ran(Command::new("cp").args(["--sparse=always"]).arg(self.folder.join("flushed")).arg(&cut));
        let disk = File::options().write(true).open(&cut).expect("the copy");
        for entry in &self.entries[self.done..=at] {
            let sectors = match odds.below(8) {
                _ if entry.flags & FUA != 0 => entry.sectors,
                0..=2 => 0,
                // Torn in the middle.
                3 if entry.sectors > 1 => 1 + odds.below(entry.sectors - 1),
                _ => entry.sectors,
            };
            self.apply(&disk, entry, sectors);
        }
        cut
    }

    fn apply(&self, disk: &File, entry: &Entry, sectors: u64) {
        let mut bytes = vec![0; usize::try_from(sectors * SECTOR).expect("a write fits into memory")];
        if entry.flags & DISCARD == 0 {
            self.log.read_exact_at(&mut bytes, entry.data).expect("what was written");
        }
        disk.write_all_at(&bytes, entry.sector * SECTOR).expect("write it again");
    }
}
