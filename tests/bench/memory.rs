//! P10: memory of the engine while idle, and what each running container adds, its monitor or shim included.
//! Proportional set size: a page that several processes share counts once, split among them.

use crate::dockerd::Dockerd;
use crate::figure::{Figure, line};
use crate::place;
use berth_tests::native::{Client, Engine, Ground, container};
use std::fs;
use std::time::Duration;

const CONTAINERS: u32 = 20;
const SETTLE: Duration = Duration::from_secs(2);

/// Prints two lines in KiB: idle, and per container.
pub(crate) fn run(rounds: u32) {
    let (mut idle, mut each): ([Figure; 2], [Figure; 2]) = Default::default();
    for round in 1..=rounds {
        let peer = Dockerd::start();
        let ground = Ground::new();
        let engine = Engine::with_busybox(&ground);
        if round == 1 {
            place::describe(ground.dir(), &[&["dockerd", "--version"], &["containerd", "--version"]]);
        }
        let ours = (ground, engine.client());
        measure(&ours.0, ours.1, &mut idle[0], &mut each[0]);
        if let Some(peer) = &peer {
            measure(peer.ground(), peer.client(), &mut idle[1], &mut each[1]);
        }
    }
    let none = Figure::default();
    line("memory-idle [KiB]", &idle[0], &idle[1], &none);
    line("memory-per-container [KiB]", &each[0], &each[1], &none);
}

fn measure(ground: &Ground, mut client: Client, idle: &mut Figure, each: &mut Figure) {
    // One container has run: what the first of them loads for good belongs to the engine.
    let first = start(&mut client);
    end(&mut client, &first);
    std::thread::sleep(SETTLE);
    let before = used(ground);
    let running: Vec<_> = (0..CONTAINERS).map(|_| start(&mut client)).collect();
    std::thread::sleep(SETTLE);
    let after = used(ground);
    println!("{}: idle {before:?}, with {CONTAINERS} containers {} KiB", ground.dir().display(), total(&after));
    idle.add(total(&before));
    each.add((total(&after) - total(&before)) / f64::from(CONTAINERS));
    running.iter().for_each(|id| end(&mut client, id));
}

fn start(client: &mut Client) -> String {
    let id = client.create("", &container(&["sleep", "100000"], "none"));
    assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
    id
}

fn end(client: &mut Client, id: &str) {
    assert_eq!(client.request("DELETE", &format!("/containers/{id}?force=1"), None).status, 204);
}

fn total(used: &[(String, u32)]) -> f64 {
    used.iter().map(|(_, kib)| f64::from(*kib)).sum()
}

/// Name and memory of each process in the ground's mount namespace but the one that holds it: engines, monitors and
/// shims are in it, containers are not.
fn used(ground: &Ground) -> Vec<(String, u32)> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let holder = ground.holder().to_string();
    let wanted = namespace(&holder).expect("the ground's namespace");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("processes").flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid != holder && namespace(&pid).is_some_and(|namespace| namespace == wanted) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
            let memory = fs::read_to_string(entry.path().join("smaps_rollup")).unwrap_or_default();
            let pss =
                memory.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse().ok());
            found.extend(pss.map(|pss| (name, pss)));
        }
    }
    found
}
