//! S24: containers that take all they can get, many at once, and an engine that answers beside them. In full, with
//! figures: `cargo xtask faults hogs`.

use berth_tests::{Home, Registry, eventually, native::Client};
use serde_json::{Value, json};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What the emulated machine needs for the slowest of this.
const PATIENCE: Duration = Duration::from_secs(180);
/// How many stand beside the hogs in a short run, and how often the engine is asked then.
const STANDING: u32 = 10;
const ASKED: u32 = 20;

/// Name, limits and script of each; those that a machine survives without a limit have none.
const HOGS: [(&str, &str, &str); 6] = [
    // Only the ceiling above all containers holds this one.
    ("bomb", "{}", "b() { b | b & }; while :; do b; sleep 1; done"),
    // A shell that cannot fork ends.
    (
        "forks",
        r#"{ "PidsLimit": 300, "RestartPolicy": { "Name": "always" } }"#,
        "b() { b | b & }; while :; do b; sleep 0.1; done",
    ),
    (
        "memory",
        r#"{ "Memory": 33554432, "MemorySwap": 33554432, "RestartPolicy": { "Name": "always" } }"#,
        "x=aaaaaaaa; while :; do x=$x$x; done",
    ),
    ("files", r#"{ "Ulimits": [{ "Name": "nofile", "Soft": 4096, "Hard": 4096 }] }"#, FILES),
    // Its log rotates: the disk is another case.
    ("flood", r#"{ "LogConfig": { "Type": "local" } }"#, "yes a line that nobody reads"),
    ("spinner", "{}", "while :; do :; done"),
];
const FILES: &str = "mkdir /d; cd /d; i=0; while [ $i -lt 4000 ]; do : > $i; i=$((i+1)); done; \
    while :; do tail -f * > /dev/null; done";

#[test]
fn the_engine_answers_beside_hogs() {
    let full: Option<u32> = std::env::var("BERTH_TEST_COUNT").ok().and_then(|count| count.parse().ok());
    let (standing, asked) = (full.unwrap_or(STANDING), full.map_or(ASKED, |_| 300));
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["pull", &image]).ok();
    let mut client = Client::to(&home.socket());
    let mut start = |name: &str, script: &[&str], host: &Value| {
        let body = json!({ "Image": &image, "Cmd": script, "HostConfig": host });
        let id = client.create(name, &body);
        client.request("POST", &format!("/containers/{id}/start"), None).ok();
    };
    let begun = Instant::now();
    for n in 0..standing {
        start(&format!("standing-{n}"), &["sleep", "1000000"], &json!({ "NetworkMode": "none" }));
    }
    println!(
        "{standing} containers were started in {:.0?}; the machine is emulated where it has no KVM",
        begun.elapsed()
    );
    let quiet = Latencies::of(&home, asked);
    println!("beside {standing} quiet containers: {quiet}");
    for (name, host, script) in HOGS {
        start(name, &["sh", "-c", script], &serde_json::from_str(host).expect("JSON"));
    }
    eventually("the memory hog was killed", PATIENCE, || (restarts(&home, "memory") > 0).then_some(()));
    let loud = Latencies::of(&home, asked);
    println!("beside {standing} containers and {} hogs: {loud}", HOGS.len());

    told_right(&home);
    // Thousands of processes end one after the other; the engine says so when that takes it longer than it waits.
    eventually("the bomb is gone", PATIENCE, || (home.berth(&["rm", "-f", "bomb"]).code == Some(0)).then_some(()));
    let others: Vec<_> = HOGS.iter().map(|(name, ..)| *name).filter(|name| *name != "bomb").collect();
    home.berth(&[&["rm", "-f"], &others[..]].concat()).ok();
    let listed = Client::to(&home.socket()).request("GET", "/containers/json", None).ok();
    assert_eq!(listed.as_array().map(Vec::len), usize::try_from(standing).ok(), "those that stood still stand");
    assert_eq!(home.berth(&["run", "--rm", &image, "echo", "fine"]).ok(), "fine");
}

/// Each hog runs into its own limit, and only who was killed for its memory is said to be.
fn told_right(home: &Home) {
    for (name, ..) in HOGS {
        // The memory hog may be between two lives, where nothing is said of the one before.
        let state = eventually("a state to look at", PATIENCE, || {
            let state = inspect(home, name)["State"].clone();
            (name != "memory" || state["OOMKilled"] == true).then_some(state)
        });
        assert_eq!(state["OOMKilled"], name == "memory", "{name}: {state}");
        assert!(["memory", "forks", "bomb"].contains(&name) || state["Running"] == true, "{name}: {state}");
    }
    let told = home.docker(&[
        "events",
        "--since",
        "30m",
        "--until=-1s",
        "--filter",
        "event=oom",
        "--format",
        "{{.Actor.Attributes.name}}",
    ]);
    assert!(told.ok().lines().all(|name| name == "memory") && !told.ok().is_empty(), "{told}");
    let pids = home.docker(&["stats", "--no-stream", "--format", "{{.PIDs}}", "forks"]);
    assert!(pids.ok().parse::<u32>().is_ok_and(|pids| pids <= 300), "{pids}");
}

fn inspect(home: &Home, name: &str) -> Value {
    Client::to(&home.socket()).request("GET", &format!("/containers/{name}/json"), None).ok()
}

fn restarts(home: &Home, name: &str) -> u64 {
    inspect(home, name)["RestartCount"].as_u64().expect("a count")
}

/// How long answers took, from the least on.
struct Latencies {
    pings: Vec<Duration>,
    lists: Vec<Duration>,
}

impl Latencies {
    fn of(home: &Home, times: u32) -> Self {
        let measure = |path: &str| {
            let mut all: Vec<_> = (0..times)
                .map(|_| {
                    let asked = Instant::now();
                    // As a command line does it: over a connection of its own.
                    let answer = Client::to(&home.socket()).request("GET", path, None);
                    let took = asked.elapsed();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    took
                })
                .collect();
            all.sort();
            all
        };
        Self { pings: measure("/_ping"), lists: measure("/containers/json?all=1") }
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |all: &[Duration], percent: usize| all[(all.len() * percent / 100).min(all.len() - 1)];
        for (name, all) in [("ping", &self.pings), ("list", &self.lists)] {
            write!(f, "{name} p50 {:.1?} p99 {:.1?} most {:.1?}; ", at(all, 50), at(all, 99), at(all, 100))?;
        }
        write!(f, "{} each", self.pings.len())
    }
}
