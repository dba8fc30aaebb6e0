//! Many containers at once, and many more one after the other: all that they took comes back.

use crate::count;
use berth_tests::native::{Client, Engine, Ground, Traces, container};

#[test]
fn what_many_containers_took_comes_back() {
    // In full, a tenth of the churn runs at once.
    let churn = count(60);
    let at_once = (churn / 10).clamp(10, 1000);
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    assert_eq!(ground.traces(), Traces::default());
    let standing: Vec<_> = (0..at_once).map(|_| start(&mut client)).collect();
    let crowded = ground.traces();
    let all = standing.len();
    assert_eq!((crowded.links.len(), crowded.cgroups.len()), (all, all), "one interface and one cgroup each");
    let listed = client.request("GET", "/containers/json", None).ok();
    assert_eq!(listed.as_array().map(Vec::len), Some(all));
    for id in &standing {
        remove(&mut client, id);
    }
    assert_eq!(ground.traces(), Traces::default(), "after {all} at once");

    let mut memory = Vec::new();
    for n in 0..churn {
        let id = start(&mut client);
        remove(&mut client, &id);
        if n % (churn / 20).max(1) == 0 {
            memory.push(resident(engine.pid()));
        }
    }
    assert_eq!(ground.traces(), Traces::default(), "after {churn} one by one");
    // The allocator's caches fill in the first half; what still grows then grows for ever.
    let (half, last) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    let grown = last.saturating_sub(half);
    println!("{churn} containers: engine {memory:?} KiB, {grown} KiB more since half of them");
    let allowed = 1024 + u64::from(churn) / 4;
    assert!(grown <= allowed, "the engine grew by {grown} KiB over {} containers: {memory:?}", churn / 2);
}

fn start(client: &mut Client) -> String {
    let id = client.create("", &container(&["sleep", "100000"], "bridge"));
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    assert_eq!(started.status, 204, "{}", started.text());
    id
}

fn remove(client: &mut Client, id: &str) {
    let removed = client.request("DELETE", &format!("/containers/{id}?force=1"), None);
    assert_eq!(removed.status, 204, "{}", removed.text());
}

/// Memory of a process, KiB, without the pages of its program file: those come as its code is first used, and go as the
/// machine likes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the engine's status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
