//! P5: a published port, both halves of its way with a socket in the place of the VM's channel, against Debian's docker-proxy
//! and a relay that has the kernel move the bytes: bulk in one and in 16 flows, connecting, and 100 clients that talk beside
//! 1,000 that are silent. All three lead to the same server in the same container.

mod relay;

use crate::figure::{Figure, line};
use crate::place;
use berth_load::{Measure, SERVER, serve};
use berth_tests::native::{Engine, Ground, Ports, inside};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where the relays are reached.
const PROXY: u16 = 7001;
const SPLICE: u16 = 7002;

/// What is moved in a bulk measurement, bytes, over all flows.
const BULK: u64 = 512 << 20;

const MEASURES: [(&str, Measure); 4] = [
    ("ports-bulk [MB/s]", Measure::Bulk { bytes: BULK, flows: 1 }),
    ("ports-bulk-16 [MB/s]", Measure::Bulk { bytes: BULK, flows: 16 }),
    ("ports-connect-p99 [us]", Measure::ConnectP99),
    ("ports-busy-of-1100 [exchanges/s]", Measure::Busy),
];

/// Prints a line for each figure.
pub(crate) fn run(rounds: u32) {
    berth_load::raise_file_limit();
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    place::describe(ground.dir(), &[&["dockerd", "--version"]]);
    let on_ground = || {
        let mut command = Command::new("nsenter");
        command.args(["-t", &ground.holder().to_string(), "-n", "--"]);
        command
    };
    let mut ports = Ports::start(Some(on_ground()), ground.dir());
    let mut client = engine.client();
    let body = json!({
        "Image": "busybox", "Cmd": ["sleep", "1000000"],
        "HostConfig": { "PortBindings": { format!("{SERVER}/tcp"): [{ "HostPort": "" }] } },
    });
    let id = client.create("server", &body);
    assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
    let shown = client.request("GET", &format!("/containers/{id}/json"), None).ok();
    let pid = shown["State"]["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a process");
    let ip = shown["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().expect("an address").to_owned();
    inside(pid, serve);

    let published = ports.list()[0]["host_port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    let target = SocketAddr::new(ip.parse::<IpAddr>().expect("an address"), SERVER);
    let _proxy = Proxy::start(on_ground(), target);
    inside(ground.holder(), move || relay::serve(SPLICE, target));

    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let relays = [at(published), at(PROXY), at(SPLICE)];
    let there = move || relays.map(berth_load::answers);
    let there = inside(ground.holder(), there).join().expect("the relays");
    assert!(there[0] && there[2], "our port, or the relay that splices, does not answer");
    if !there[1] {
        println!("note: docker-proxy does not answer here; it comes with Debian's docker.io");
    }
    let mut all = MEASURES.map(|_| <[Figure; 3]>::default());
    for round in 1..=rounds {
        for ((name, measure), figures) in MEASURES.into_iter().zip(&mut all) {
            for (at, figure) in figures.iter_mut().enumerate().filter(|(at, _)| there[*at]) {
                let port = relays[at];
                figure.add(inside(ground.holder(), move || measure.of(port)).join().expect("a measurement"));
            }
            println!(
                "round {round}: {name} so far ours ({}) docker-proxy ({}) splice ({})",
                figures[0], figures[1], figures[2]
            );
        }
    }
    for ((name, _), [ours, peer, limit]) in MEASURES.iter().zip(&all) {
        line(name, ours, peer, limit);
    }
}

/// A running docker-proxy.
struct Proxy(Option<Child>);

impl Proxy {
    fn start(mut command: Command, target: SocketAddr) -> Self {
        // It tells dockerd through its fourth descriptor that it listens, and needs it to be there.
        command.args(["sh", "-c", "exec docker-proxy \"$@\" 3>/dev/null", "sh"]);
        command.args(["-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", &PROXY.to_string()]);
        command.args(["-container-ip", &target.ip().to_string(), "-container-port", &target.port().to_string()]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok();
        std::thread::sleep(Duration::from_millis(300));
        Self(process)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            process.kill().ok();
            process.wait().ok();
        }
    }
}
