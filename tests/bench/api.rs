//! P2: create, start, wait and remove through the API, without network and on the bridge.

use crate::dockerd::Dockerd;
use crate::figure::{Figure, line};
use crate::{floor, place, prepared};
use berth_tests::native::{Client, Engine, Ground, container};
use std::time::Instant;

/// Containers per engine, network and round.
const COUNT: u32 = 100;
const NETWORKS: [&str; 2] = ["none", "bridge"];
const STEPS: [&str; 4] = ["create", "start", "wait", "remove"];

/// Prints a line per network, and each engine's steps.
pub(crate) fn run(rounds: u32) {
    let peer = Dockerd::start();
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let prepared = prepared::enter(&ground, &engine);
    place::describe(ground.dir(), &[&["dockerd", "--version"], &["containerd", "--version"], &["runc", "--version"]]);
    let mut engines = [Some(engine.client()), peer.as_ref().map(Dockerd::client)];
    for network in NETWORKS {
        let mut all: [Figure; 3] = Default::default();
        let mut steps: [[Figure; 4]; 2] = Default::default();
        for round in 1..=rounds {
            let mut of_round: [Figure; 3] = Default::default();
            for _ in 0..COUNT {
                for (index, client) in engines.iter_mut().enumerate() {
                    let Some(client) = client else { continue };
                    let times = once(client, network);
                    of_round[index].add(times.iter().sum());
                    steps[index].iter_mut().zip(times).for_each(|(figure, time)| figure.add(time));
                }
                let from = Instant::now();
                floor::run(&prepared.rootfs, &prepared.net);
                if let Some(client) = &mut engines[0] {
                    (0..STEPS.len()).for_each(|_| assert_eq!(client.request("GET", "/_ping", None).status, 200));
                }
                of_round[2].add_time(from.elapsed());
            }
            let [ours, peer, limit] = &of_round;
            println!("round {round}, {network} [us]: ours ({ours}) dockerd ({peer}) limit ({limit})");
            all.iter_mut().zip(&of_round).for_each(|(all, figure)| all.merge(figure));
        }
        for (name, steps) in ["ours", "dockerd"].iter().zip(&steps) {
            let said: Vec<_> = STEPS.iter().zip(steps).map(|(step, figure)| format!("{step} ({figure})")).collect();
            println!("  {name:<8} {}", said.join(" "));
        }
        line(&format!("api-{network} [us]"), &all[0], &all[1], &all[2]);
    }
}

/// Microseconds of each step.
fn once(client: &mut Client, network: &str) -> [f64; 4] {
    let mut times = [0.0; 4];
    let mut from = Instant::now();
    let mut lap = |index: usize| {
        let now = Instant::now();
        times[index] = (now - from).as_secs_f64() * 1e6;
        from = now;
    };
    let id = client.create("", &container(&["true"], network));
    lap(0);
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    assert_eq!(started.status, 204, "{}", started.text());
    lap(1);
    assert_eq!(client.request("POST", &format!("/containers/{id}/wait"), None).ok()["StatusCode"], 0);
    lap(2);
    let removed = client.request("DELETE", &format!("/containers/{id}"), None);
    assert_eq!(removed.status, 204, "{}", removed.text());
    lap(3);
    times
}
