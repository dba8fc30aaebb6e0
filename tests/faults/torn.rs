//! Each file of the engine's state is damaged while no engine runs: flipped, cut, emptied, zeroed. The next engine starts,
//! notices what matters, sets that aside alone, and has it back after a load.

use crate::count;
use crate::odds::Odds;
use crate::power_cut::checked;
use berth_tests::native::{Client, Engine, Ground, container, image};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longer than a database's spare waits for more changes.
const SPARE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Flip,
    Cut,
    Empty,
    Zero,
}

/// What a file is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A blob of an image.
    Blob,
    /// A file of an unpacked layer.
    Layer,
    /// Of a database, a container, or the store's own: nothing may be missed afterwards.
    Own,
}

#[test]
fn a_damaged_file_is_noticed_or_harmless_and_only_it_is_set_aside() {
    let (mut odds, times) = (Odds::new(), count(1));
    let ground = Ground::new();
    let names = ["one", "two"];
    let archives =
        names.map(|name| image(name, &json!({}), |layer| layer.file("etc/name", 0o644, &name.as_bytes().repeat(500))));
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    for (name, archive) in names.iter().zip(&archives) {
        client.load(archive);
        let mut body = container(&["sh", "-c", "head -c 4 /etc/name; echo said"], "none");
        body["Image"] = json!(name);
        let id = client.create(name, &body);
        runs(&mut client, &id);
    }
    std::thread::sleep(SPARE);
    engine.kill();
    let (data, whole) = (ground.dir().join("data"), ground.dir().join("whole"));
    copy(&data, &whole);
    let mut files = Vec::new();
    collect(&data, &mut files);
    let mut tried = 0;
    for file in files {
        for damage in [Damage::Flip, Damage::Cut, Damage::Empty, Damage::Zero] {
            for _ in 0..times {
                let kind = kind(&file.strip_prefix(&data).expect("a file of it").to_string_lossy());
                spoil(&file, damage, &mut odds);
                let what = format!("{damage:?} of {}", file.display());
                survived(&ground, &archives, kind, &what);
                std::fs::remove_dir_all(&data).expect("the data");
                copy(&whole, &data);
                tried += 1;
            }
        }
    }
    println!("{tried} damages");
    assert!(tried >= 40, "{tried}");
}

fn survived(ground: &Ground, archives: &[Vec<u8>], kind: Kind, what: &str) {
    let engine = Engine::start(ground);
    let mut client = engine.client();
    let listed = client.request("GET", "/containers/json?all=1", None).ok();
    let ids: Vec<_> = ["one", "two"].map(|name| id_of(&listed, name, what)).into();
    let before = std::fs::read_dir(ground.dir().join("data/damaged")).map_or(0, Iterator::count);
    let found = checked(&mut client)["Damaged"].as_array().expect("a list").len();
    let aside = std::fs::read_dir(ground.dir().join("data/damaged")).expect("a folder").count();
    match kind {
        Kind::Own => assert_eq!(found, 0, "{what}"),
        Kind::Blob | Kind::Layer => assert_eq!((aside, aside - before), (1, found), "{what}: set aside alone"),
    }
    let starts: Vec<_> =
        ids.iter().map(|id| client.request("POST", &format!("/containers/{id}/start"), None)).collect();
    let refused: Vec<_> = starts.iter().filter(|answer| answer.status != 204).collect();
    match (kind, refused.as_slice()) {
        (Kind::Layer, [one]) => {
            assert!(one.text().contains("was damaged and set aside: pull "), "{what}: {}", one.text());
        }
        (Kind::Layer, _) => panic!("{what}: one container stands on it, and {} were refused", refused.len()),
        (_, all) => assert!(all.is_empty(), "{what}: {}", all[0].text()),
    }
    for archive in archives {
        client.load(archive);
    }
    assert_eq!(checked(&mut client)["Damaged"], json!([]), "{what}");
    for id in &ids {
        runs(&mut client, id);
    }
    engine.kill();
}

fn runs(client: &mut Client, id: &str) {
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    assert!([204, 304].contains(&started.status), "{}", started.text());
    assert_eq!(client.request("POST", &format!("/containers/{id}/wait"), None).ok()["StatusCode"], 0);
}

fn id_of(listed: &Value, name: &str, what: &str) -> String {
    let all = listed.as_array().expect("a list");
    let one = all.iter().find(|one| one["Names"][0] == format!("/{name}"));
    one.unwrap_or_else(|| panic!("{what}: the container {name} is gone"))["Id"].as_str().expect("an id").to_owned()
}

fn kind(path: &str) -> Kind {
    match path {
        path if path.starts_with("blobs/") => Kind::Blob,
        path if path.starts_with("layers/") => Kind::Layer,
        _ => Kind::Own,
    }
}

/// Plain files with something in them; of the many of a layer one is enough.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let meta = path.symlink_metadata().expect("a file");
        let of_layer = path.components().any(|part| part.as_os_str() == "layers");
        if meta.is_dir() {
            collect(&path, files);
        } else if meta.is_file() && meta.size() > 0 && (!of_layer || path.ends_with("etc/name")) {
            files.push(path);
        }
    }
}

fn spoil(file: &Path, damage: Damage, odds: &mut Odds) {
    let mut bytes = std::fs::read(file).expect("a file");
    match damage {
        Damage::Flip => *odds_byte(&mut bytes, odds) ^= 1 << odds.below(8),
        Damage::Cut => bytes.truncate(bytes.len() / 2),
        Damage::Empty => bytes.clear(),
        Damage::Zero => bytes.fill(0),
    }
    std::fs::write(file, bytes).expect("damage it");
}

fn odds_byte<'a>(bytes: &'a mut [u8], odds: &mut Odds) -> &'a mut u8 {
    let at = usize::try_from(odds.below(bytes.len() as u64)).expect("an index");
    &mut bytes[at]
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success());
}
