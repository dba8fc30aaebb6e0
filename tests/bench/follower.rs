//! P9's other half: how long after it was written a follower has a line, and what a follower that has stopped reading
//! costs the container. Peer: docker's json-file; limit: the same program into a pipe that is read directly.

use crate::dockerd::Dockerd;
use crate::figure::{Figure, line};
use crate::place;
use berth_tests::native::{Client, Engine, Ground, container};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Lines of which the lag is taken, per round.
const LINES: u32 = 300;
/// What is written past a follower that does not read: far more than all sockets on its way hold.
const BYTES: u64 = 256 << 20;

/// Prints both lines.
pub(crate) fn run(rounds: u32) {
    let peer = Dockerd::start();
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    place::describe(ground.dir(), &[&["dockerd", "--version"]]);
    let clients = || [Some(engine.client()), peer.as_ref().map(Dockerd::client)];
    let pipe = ground.dir().join("lines");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a named pipe");
    let mut lag: [Figure; 3] = Default::default();
    let mut stalled: [Figure; 3] = Default::default();
    for round in 1..=rounds {
        lag[2].merge(&read_directly(&pipe));
        stalled[2].add(past_nobody(ground.dir()));
        for (at, clients) in clients().into_iter().zip(clients()).enumerate() {
            let (Some(client), Some(follower)) = clients else { continue };
            lag[at].merge(&followed(client, follower));
        }
        for (at, clients) in clients().into_iter().zip(clients()).enumerate() {
            let (Some(client), Some(follower)) = clients else { continue };
            stalled[at].add(past_a_stalled_follower(client, follower));
        }
        println!("round {round}: lag ours ({}) dockerd ({}) pipe ({})", lag[0], lag[1], lag[2]);
        println!("round {round}: stalled ours ({}) dockerd ({}) cat ({})", stalled[0], stalled[1], stalled[2]);
    }
    line("follower-lag [us]", &lag[0], &lag[1], &lag[2]);
    line("follower-stalled [ms]", &stalled[0], &stalled[1], &stalled[2]);
}

/// Writes lines into `cat` one after the other, each once `next` has come back with the one before.
fn lags(pipe: &Path, mut next: impl FnMut(&[u8])) -> Figure {
    let mut into = File::options().write(true).open(pipe).expect("the pipe's reader");
    let mut figure = Figure::default();
    for number in 0..LINES {
        let text = format!("line {number}\n");
        let from = Instant::now();
        into.write_all(text.as_bytes()).expect("write a line");
        next(text.as_bytes());
        figure.add_time(from.elapsed());
    }
    figure
}

fn read_directly(pipe: &Path) -> Figure {
    let mut cat =
        Command::new("busybox").arg("cat").arg(pipe).stdout(Stdio::piped()).spawn().expect("busybox is installed");
    let mut output = cat.stdout.take().expect("its output");
    let figure = lags(pipe, |text| {
        let mut read = vec![0; text.len()];
        output.read_exact(&mut read).expect("a line");
        assert_eq!(read, text);
    });
    assert!(cat.wait().expect("cat").success());
    figure
}

fn followed(mut client: Client, follower: Client) -> Figure {
    let id = client.create("", &container(&["sh", "-c", "mkfifo /made && mv /made /lines && exec cat /lines"], "none"));
    start(&mut client, &id);
    let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].take();
    let pipe = PathBuf::from(format!("/proc/{}/root/lines", state["Pid"]));
    while !pipe.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut pieces = follower.follow("GET", &format!("/containers/{id}/logs?follow=1&stdout=1"));
    let figure = lags(&pipe, |text| {
        // docker's frame around it is 8 bytes long.
        let mut read = Vec::new();
        while read.len() < text.len() + 8 {
            read.extend(pieces.next().expect("the stream goes on").expect("a piece"));
        }
        assert_eq!(&read[8..], text);
    });
    wait(&mut client, &id);
    remove(&mut client, &id);
    figure
}

/// Milliseconds that a container takes to write while its follower reads nothing.
fn past_a_stalled_follower(mut client: Client, follower: Client) -> f64 {
    let id = client.create("", &container(&["sh", "-c", &writes()], "none"));
    let from = Instant::now();
    start(&mut client, &id);
    let unread = follower.follow("GET", &format!("/containers/{id}/logs?follow=1&stdout=1"));
    wait(&mut client, &id);
    let took = from.elapsed();
    drop(unread);
    remove(&mut client, &id);
    took.as_secs_f64() * 1e3
}

/// Milliseconds that the same takes into a file.
fn past_nobody(place: &Path) -> f64 {
    let file = place.join("limit");
    let shell = format!("busybox sh -c \"{}\" | cat > {}", writes(), file.display());
    let from = Instant::now();
    assert!(Command::new("sh").args(["-c", &shell]).status().expect("sh").success());
    let took = from.elapsed();
    std::fs::remove_file(&file).expect("the limit's file");
    took.as_secs_f64() * 1e3
}

fn writes() -> String {
    format!("yes 'a line that nobody reads, for a while' | head -c {BYTES}")
}

fn start(client: &mut Client, id: &str) {
    assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
}

fn wait(client: &mut Client, id: &str) {
    assert_eq!(client.request("POST", &format!("/containers/{id}/wait"), None).ok()["StatusCode"], 0);
}

fn remove(client: &mut Client, id: &str) {
    assert_eq!(client.request("DELETE", &format!("/containers/{id}"), None).status, 204);
}
