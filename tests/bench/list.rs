//! P3: listing 0, 100 and 1,000 containers, against a server that always answers with the same bytes.

use crate::dockerd::Dockerd;
use crate::figure::{Figure, line};
use crate::place;
use berth_tests::native::{Client, Engine, Ground, container};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Instant;

const SIZES: [usize; 3] = [0, 100, 1000];
/// Requests per engine and round.
const COUNT: u32 = 50;
const LIST: &str = "/containers/json?all=1";

/// Prints a line per number of containers.
pub(crate) fn run(rounds: u32) {
    let peer = Dockerd::start();
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    place::describe(ground.dir(), &[&["dockerd", "--version"]]);
    let mut engines: Vec<Client> =
        [Some(engine.client()), peer.as_ref().map(Dockerd::client)].into_iter().flatten().collect();
    let mut there = 0;
    for size in SIZES {
        for client in &mut engines {
            (there..size).for_each(|n| drop(client.create(&format!("listed{n}"), &container(&["true"], "none"))));
        }
        there = size;
        let answer = engines[0].request("GET", LIST, None);
        assert_eq!(answer.ok().as_array().map(Vec::len), Some(size));
        let mut limit_client = answer_always(&ground.dir().join(format!("static{size}.sock")), answer.body);
        let mut all: [Figure; 3] = Default::default();
        for _ in 0..rounds * COUNT {
            for (figure, client) in all.iter_mut().zip(&mut engines) {
                ask(figure, client);
            }
            ask(&mut all[2], &mut limit_client);
        }
        line(&format!("list-{size} [us]"), &all[0], &all[1], &all[2]);
    }
}

fn ask(figure: &mut Figure, client: &mut Client) {
    let from = Instant::now();
    let status = client.request("GET", LIST, None).status;
    figure.add_time(from.elapsed());
    assert_eq!(status, 200);
}

/// A client of a server that gives one answer to every request.
fn answer_always(socket: &Path, body: Vec<u8>) -> Client {
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut requests = BufReader::new(stream.try_clone().expect("a descriptor"));
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = [head.as_bytes(), &body].concat();
        let mut line = String::new();
        while requests.read_line(&mut line).is_ok_and(|length| length > 0) {
            if line == "\r\n" && stream.write_all(&answer).is_err() {
                return;
            }
            line.clear();
        }
    });
    Client::to(socket)
}
