//! P5 and P6 into the VM. Ours is a container of a running machine: its published port, and its way out through the gateway.
//! Peer and limit are a second machine with the same kernel, processors and memory, which has a card on QEMU's user network
//! and one program that is server and clients: the port that QEMU forwards (`hostfwd`), the way out through slirp, and the
//! bare vsock stream. The peer's bytes pass no container and no bridge.

mod bare;

use crate::figure::{Figure, line};
use crate::place;
use bare::{Bare, To};
use berth_load::{Measure, SERVER, guest};
use berth_tests::native::{Client, image};
use berth_tests::{Build, Home};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// What is moved in a bulk measurement, bytes, over all flows: seconds under emulation.
const BULK: u64 = 128 << 20;
/// What leads a container to the host's loopback (`host.docker.internal`).
const HOST: Ipv4Addr = Ipv4Addr::new(198, 19, 87, 2);

const MEASURES: [(&str, Measure); 4] = [
    ("bulk [MB/s]", Measure::Bulk { bytes: BULK, flows: 1 }),
    ("bulk-16 [MB/s]", Measure::Bulk { bytes: BULK, flows: 16 }),
    ("connect-p99 [us]", Measure::ConnectP99),
    ("busy-of-1100 [exchanges/s]", Measure::Busy),
];

/// Prints a line for each figure, both ways.
pub(crate) fn run(rounds: u32) {
    berth_load::raise_file_limit();
    place::describe(Path::new("/tmp"), &[&["qemu-system-x86_64", "--version"]]);
    std::thread::spawn(berth_load::serve);
    let machine = Machine::up();
    let bare = Bare::boot();
    println!("{}", machine.home.status()["acceleration"]["why"].as_str().unwrap_or_default());
    let mut all = [MEASURES, MEASURES].map(|measures| measures.map(|_| <[Figure; 3]>::default()));
    for round in 1..=rounds {
        let [inwards, outwards] = &mut all;
        for ((name, measure), [ours, peer, limit]) in MEASURES.into_iter().zip(inwards) {
            ours.add(measure.of(machine.port));
            peer.add(measure.of(bare.port()));
            if let Some(value) = bare.raw(measure, To::Host) {
                limit.add(value);
            }
            println!("round {round}: ports {name} so far ours ({ours}) hostfwd ({peer}) channel ({limit})");
        }
        for ((name, measure), [ours, peer, limit]) in MEASURES.into_iter().zip(outwards) {
            ours.add(machine.measures(measure, (HOST, SERVER).into()));
            peer.add(bare.measures(measure, (guest::HOST, SERVER).into()));
            if let Some(value) = bare.raw(measure, To::Guest) {
                limit.add(value);
            }
            println!("round {round}: gateway {name} so far ours ({ours}) slirp ({peer}) channel ({limit})");
        }
    }
    for (way, figures) in ["ports", "gateway"].into_iter().zip(&all) {
        for ((name, _), [ours, peer, limit]) in MEASURES.iter().zip(figures) {
            line(&format!("vm-{way}-{name}"), ours, peer, limit);
        }
    }
}

/// Our machine with a container that serves and measures.
struct Machine {
    home: Home,
    /// Where the server is published.
    port: SocketAddr,
}

impl Machine {
    fn up() -> Self {
        let home = Home::up();
        let program = std::fs::read(program()).expect("berth-load, built by xtask");
        let archive = image("load", &json!({ "Cmd": ["/bin/berth-load", "serve"] }), |layer| {
            layer.file("bin/berth-load", 0o755, &program);
        });
        Client::to(&home.socket()).load(&archive);
        let server = SERVER.to_string();
        home.docker(&["run", "-d", "--name", "load", "-p", &format!("127.0.0.1::{server}"), "load"]).ok();
        let port = home.docker(&["port", "load", &server]);
        let port = port.ok().trim().parse().expect("an address");
        assert!(berth_load::answers(port), "the published port does not lead to the server");
        Self { home, port }
    }

    /// Has the container measure.
    fn measures(&self, measure: Measure, server: SocketAddr) -> f64 {
        let (server, words) = (server.to_string(), measure.words());
        let mut arguments = vec!["exec", "load", "/bin/berth-load", &server];
        arguments.extend(words.iter().map(String::as_str));
        self.home.docker(&arguments).ok().trim().parse().expect("a value")
    }
}

/// The program of containers and of the bare guest, linked statically.
fn program() -> std::path::PathBuf {
    Build::tool("berth-load")
}
