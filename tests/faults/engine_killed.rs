//! The engine is killed under load, at random moments and at its system calls, started again, and looked at.

use crate::count;
use crate::odds::Odds;
use berth_tests::native::{Client, Engine, Failpoint, Ground, Traces, container, image};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

const CLIENTS: u64 = 4;
/// Names of each client: nobody else touches them, so it knows what must be.
const NAMES: u64 = 2;
const SETTLE: Duration = Duration::from_secs(15);
/// How long an engine that does not come to its failpoint may live.
const LIFE: Duration = Duration::from_secs(2);

/// What an engine does that must be whole or not at all, and how often at most before it dies.
const CALLS: [(&str, u64); 5] = [
    ("write,pwrite64,writev,sendto", 120),
    ("rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,ftruncate", 40),
    ("fsync,fdatasync,syncfs,sync_file_range", 40),
    ("mount,umount2,fsopen,fsconfig,fsmount,move_mount,open_tree,mount_setattr", 20),
    ("clone,clone3,vfork,unshare,setns", 20),
];

/// What a client knows of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Absent,
    Idle,
    Running,
}

/// What may be: more than one state after a request whose answer was lost.
type Known = BTreeMap<String, BTreeSet<State>>;

#[test]
fn an_engine_killed_at_any_moment_loses_and_doubles_nothing() {
    let ground = Ground::new();
    let mut odds = Odds::new();
    let mut engine = Engine::with_busybox(&ground);
    let images = Images::learn(&ground, &mut engine.client());
    let mut known = Known::new();
    let mut in_recovery = 0;
    for kill in 1..=count(16) {
        if odds.below(3) == 0 {
            let life = Duration::from_millis(20 + odds.below(280));
            known = worked(engine, life, &known, &mut odds);
        } else {
            engine.kill();
            let (calls, most) = *odds.pick(&CALLS);
            match Engine::doomed(&ground, Failpoint { calls, nth: 1 + odds.below(most) }) {
                Some(doomed) => known = worked(doomed, LIFE, &known, &mut odds),
                None => in_recovery += 1,
            }
        }
        engine = Engine::start(&ground);
        check(&ground, &mut engine.client(), &mut known, kill);
        images.check(&ground, &mut engine.client(), kill);
        if kill % 100 == 0 {
            println!("{kill} kills, {in_recovery} of them while the engine took up its state");
        }
    }
    let mut client = engine.client();
    for name in known.keys() {
        client.request("DELETE", &format!("/containers/{name}?force=1&v=1"), None);
    }
    eventually_equal("after the last removal", || ground.traces(), &Traces::default());
}

/// Has clients work until the engine dies, at its failpoint or after `life`: what they know then.
fn worked(mut engine: Engine, life: Duration, known: &Known, odds: &mut Odds) -> Known {
    let socket = engine.socket().to_owned();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let names: Vec<_> = (0..NAMES).map(|n| format!("c{index}-{n}")).collect();
            let mine = names.iter().map(|name| {
                let states = known.get(name).cloned().unwrap_or_else(|| [State::Absent].into());
                (name.clone(), states)
            });
            let (mine, odds, socket) = (mine.collect(), odds.split(), socket.clone());
            std::thread::spawn(move || work(&socket, mine, odds))
        })
        .collect();
    let loads = std::thread::spawn(move || load_and_delete(&socket));
    let born = Instant::now();
    while born.elapsed() < life && !engine.is_killed() {
        std::thread::sleep(Duration::from_millis(5));
    }
    if !engine.is_killed() {
        engine.kill();
    }
    loads.join().expect("a client");
    clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
}

/// Random operations until the engine is gone.
fn work(socket: &Path, mut known: Known, mut odds: Odds) -> Known {
    let names: Vec<_> = known.keys().cloned().collect();
    let Ok(mut client) = Client::try_to(socket) else { return known };
    loop {
        let name = odds.pick(&names).clone();
        let states = known[&name].clone();
        let state = *states.first().expect("a state");
        let network = *odds.pick(&["none", "bridge"]);
        let (method, path, body, then) = match (state, odds.below(2)) {
            (State::Absent, _) => {
                let body = container(&["sleep", "100000"], network);
                ("POST", format!("/containers/create?name={name}"), Some(body), State::Idle)
            }
            (State::Idle, 0) => ("DELETE", format!("/containers/{name}"), None, State::Absent),
            (State::Idle, _) => ("POST", format!("/containers/{name}/start"), None, State::Running),
            (State::Running, 0) => ("POST", format!("/containers/{name}/stop?t=0"), None, State::Idle),
            (State::Running, _) => ("DELETE", format!("/containers/{name}?force=1"), None, State::Absent),
        };
        match client.try_request(method, &path, body.as_ref()) {
            Ok(answer) => {
                assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
                known.insert(name, [then].into());
            }
            Err(_) => {
                // A forced removal ends the container first.
                let between = if method == "DELETE" && state == State::Running { Some(State::Idle) } else { None };
                known.insert(name, [state, then].into_iter().chain(between).collect());
                return known;
            }
        }
    }
}

/// Loads an image and deletes it again until the engine is gone.
fn load_and_delete(socket: &Path) {
    let archive = Images::archive();
    let Ok(mut client) = Client::try_to(socket) else { return };
    loop {
        let Ok(loaded) = client.try_send("POST", "/images/load?quiet=1", &archive) else { return };
        assert_eq!(loaded.status, 200, "{}", loaded.text());
        let Ok(deleted) = client.try_request("DELETE", "/images/blob", None) else { return };
        assert!([200, 404].contains(&deleted.status), "{}", deleted.text());
    }
}

/// What lies on the disk with one image and with two.
struct Images {
    one: BTreeSet<String>,
    two: BTreeSet<String>,
}

impl Images {
    /// An image with a layer of its own.
    fn archive() -> Vec<u8> {
        image("blob", &json!({}), |layer| layer.file("blob", 0o644, &[7; 100_000]))
    }

    fn learn(ground: &Ground, client: &mut Client) -> Self {
        let one = ground.objects();
        client.load(&Self::archive());
        let two = ground.objects();
        client.request("DELETE", "/images/blob", None).ok();
        assert_eq!((ground.objects(), two.len() > one.len()), (one.clone(), true), "{two:?}");
        Self { one, two }
    }

    /// Nothing lies about that belongs to no image, and every image is whole.
    fn check(&self, ground: &Ground, client: &mut Client, kill: u32) {
        let listed = client.request("GET", "/images/json", None).ok();
        let tags: BTreeSet<_> =
            listed.as_array().expect("a list").iter().map(|one| one["RepoTags"].to_string()).collect();
        let both = tags.contains(r#"["blob:latest"]"#);
        assert!(tags.contains(r#"["busybox:latest"]"#) && tags.len() == 1 + usize::from(both), "kill {kill}: {tags:?}");
        eventually_equal(&format!("kill {kill}"), || ground.objects(), if both { &self.two } else { &self.one });
        for blob in ground.objects().iter().filter_map(|object| object.strip_prefix("data/blobs/sha256/")) {
            let bytes = std::fs::read(ground.dir().join("data/blobs/sha256").join(blob)).expect("a blob");
            let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, blob, "kill {kill}");
        }
    }
}

/// What clients were told holds, and nothing lies about that belongs to no container.
fn check(ground: &Ground, client: &mut Client, known: &mut Known, kill: u32) {
    let started = Instant::now();
    let listed = loop {
        let listed = client.request("GET", "/containers/json?all=1", None).ok();
        // A removal that was under way is finished in the background.
        let settled = listed.as_array().is_some_and(|all| all.iter().all(|one| one["State"] != "removing"));
        if settled || started.elapsed() > SETTLE {
            break listed;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let listed = listed.as_array().expect("a list");
    let mut running = BTreeSet::new();
    let mut bridged = 0;
    let mut ids = BTreeSet::new();
    let mut seen = BTreeMap::new();
    for one in listed {
        let name = one["Names"][0].as_str().expect("a name").trim_start_matches('/').to_owned();
        let id = one["Id"].as_str().expect("an id").to_owned();
        let state = match one["State"].as_str() {
            Some("running") => State::Running,
            Some("created" | "exited") => State::Idle,
            other => panic!("kill {kill}: {name} is {other:?}"),
        };
        if state == State::Running {
            alive(client, &id, kill);
            running.insert(id.clone());
            bridged += usize::from(one["HostConfig"]["NetworkMode"] == "bridge");
        }
        ids.insert(id);
        assert_eq!(seen.insert(name.clone(), state), None, "kill {kill}: {name} is there twice");
    }
    for (name, states) in known.iter_mut() {
        let state = seen.remove(name).unwrap_or(State::Absent);
        assert!(states.contains(&state), "kill {kill}: {name} may be {states:?} and is {state:?}");
        *states = [state].into();
    }
    assert!(seen.is_empty(), "kill {kill}: nobody asked for {seen:?}");

    let expected = Counts {
        mounts: running.len(),
        cgroups: running.len(),
        durable: ids.len(),
        bundles: running.len(),
        monitors: running.len(),
        links: bridged,
        networks: running.len(),
    };
    eventually_equal(&format!("kill {kill}"), || counts(ground), &expected);
}

/// The process that inspect names is there.
fn alive(client: &mut Client, id: &str, kill: u32) {
    let inspected: Value = client.request("GET", &format!("/containers/{id}/json"), None).ok();
    let pid = inspected["State"]["Pid"].as_u64().expect("a process id");
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(command.starts_with(b"sleep\0"), "kill {kill}: the process of {id} is {command:?}");
}

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    mounts: usize,
    cgroups: usize,
    durable: usize,
    bundles: usize,
    monitors: usize,
    links: usize,
    networks: usize,
}

fn counts(ground: &Ground) -> Counts {
    let traces = ground.traces();
    let below = |place: &str| traces.folders.iter().filter(|folder| folder.starts_with(place)).count();
    let rootfs = |mount: &&String| mount.ends_with("/rootfs");
    Counts {
        mounts: traces.mounts.iter().filter(rootfs).count(),
        cgroups: traces.cgroups.len(),
        durable: below("data/containers/"),
        bundles: below("run/containers/"),
        monitors: ground.processes("berth-monitor"),
        links: traces.links.len(),
        networks: below("run/netns/"),
    }
}

fn eventually_equal<T: PartialEq + std::fmt::Debug>(when: &str, mut look: impl FnMut() -> T, expected: &T) {
    let started = Instant::now();
    loop {
        let found = look();
        if found == *expected {
            return;
        }
        assert!(started.elapsed() < SETTLE, "{when}: {found:#?}\nshould be {expected:#?}");
        std::thread::sleep(Duration::from_millis(30));
    }
}
