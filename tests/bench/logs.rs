//! P9: a container that writes 1 GiB of lines, from its start to its end, against docker's json-file and the same bytes
//! through a pipe into `cat > file`.

use crate::dockerd::Dockerd;
use crate::figure::{Figure, line};
use crate::place;
use berth_tests::native::{Client, Engine, Ground, container};
use std::process::Command;
use std::time::{Duration, Instant};

const BYTES: u64 = 1 << 30;
/// A line as a web server writes it: 100 bytes with its newline.
const LINE: &str =
    "10.0.0.7 - - [21/Nov/2026:03:00:00 +0000] GET /assets/app.js?v=41 HTTP/1.1 200 51234 curl/8.5.0 0.0012";

/// Prints the line in milliseconds.
pub(crate) fn run(rounds: u32) {
    let peer = Dockerd::start();
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    place::describe(ground.dir(), &[&["dockerd", "--version"]]);
    let writes = format!("yes '{}' | head -c {BYTES}", &LINE[..99]);
    let mut all: [Figure; 3] = Default::default();
    for round in 1..=rounds {
        let file = ground.dir().join("limit");
        let limit = timed(|| {
            let shell = format!("busybox sh -c \"{writes}\" | cat > {}", file.display());
            assert!(Command::new("sh").args(["-c", &shell]).status().expect("sh").success());
        });
        std::fs::remove_file(&file).expect("the limit's file");
        all[2].add(limit);
        let clients = [Some(engine.client()), peer.as_ref().map(Dockerd::client)];
        for (figure, client) in all.iter_mut().zip(clients) {
            let Some(mut client) = client else { continue };
            figure.add(write(&mut client, &writes));
        }
        println!("round {round}: so far ours ({}) dockerd ({}) cat ({})", all[0], all[1], all[2]);
    }
    line("logs [ms]", &all[0], &all[1], &all[2]);
}

/// Milliseconds from start to end.
fn write(client: &mut Client, writes: &str) -> f64 {
    let id = client.create("", &container(&["sh", "-c", writes], "none"));
    let took = timed(|| {
        assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
        assert_eq!(client.request("POST", &format!("/containers/{id}/wait"), None).ok()["StatusCode"], 0);
    });
    assert_eq!(client.request("DELETE", &format!("/containers/{id}"), None).status, 204);
    took
}

fn timed(work: impl FnOnce()) -> f64 {
    // What an earlier writer left to be written must not slow this one.
    nix::unistd::sync();
    std::thread::sleep(Duration::from_millis(100));
    let from = Instant::now();
    work();
    from.elapsed().as_secs_f64() * 1e3
}
