//! P5: a published port, with a socket in the place of the VM's channel, against Debian's docker-proxy and a relay that has the
//! kernel move the bytes: bulk in one and in 16 flows, connecting, and 100 clients that talk beside 1,000 that are silent. All
//! lead to the same server in the same container.
//!
//! A port of ours is two relays one behind the other, berthd's and the engine's; both peers are one. So the engine's by itself
//! is measured too: its clients come over the socket, and prove who they are, as berthd does.

mod half;
mod relay;

use crate::figure::{Figure, line};
use crate::place;
use berth_load::{Measure, SERVER, serve};
use berth_tests::native::{Engine, Ground, Ports, inside};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Where the relays are reached.
const PROXY: u16 = 7001;
const SPLICE: u16 = 7002;

/// What is moved in a bulk measurement, bytes, over all flows.
const BULK: u64 = 512 << 20;

const MEASURES: [(&str, Measure); 4] = [
    ("bulk [MB/s]", Measure::Bulk { bytes: BULK, flows: 1 }),
    ("bulk-16 [MB/s]", Measure::Bulk { bytes: BULK, flows: 16 }),
    ("connect-p99 [us]", Measure::ConnectP99),
    ("busy-of-1100 [exchanges/s]", Measure::Busy),
];

/// A way to the server, which is measured from within the ground.
type Way = Arc<dyn Fn(Measure) -> f64 + Send + Sync>;

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
    let dir = ground.dir().to_owned();
    let ways: [(&str, Way); 4] = [
        ("both halves", Arc::new(move |measure| measure.of(at(published)))),
        ("one relay", Arc::new(move |measure| measure.through(&|| half::connect(&dir, target)))),
        ("docker-proxy", Arc::new(move |measure| measure.of(at(PROXY)))),
        ("splice", Arc::new(move |measure| measure.of(at(SPLICE)))),
    ];
    let answer = move || [published, PROXY, SPLICE].map(|port| berth_load::answers(at(port)));
    let [ours, proxy, splice] = inside(ground.holder(), answer).join().expect("the relays");
    assert!(ours && splice, "our port, or the relay that splices, does not answer");
    if !proxy {
        println!("note: docker-proxy does not answer here; it comes with Debian's docker.io");
    }
    let mut all = MEASURES.map(|_| <[Figure; 4]>::default());
    for round in 1..=rounds {
        for ((name, measure), figures) in MEASURES.into_iter().zip(&mut all) {
            for ((way, through), figure) in
                ways.iter().zip(figures).filter(|((way, _), _)| proxy || *way != "docker-proxy")
            {
                let through = Arc::clone(through);
                figure.add(inside(ground.holder(), move || through(measure)).join().expect("a measurement"));
                println!("round {round}: {name} so far {way} ({figure})");
            }
        }
    }
    for ((name, _), [ours, half, peer, limit]) in MEASURES.iter().zip(&all) {
        line(&format!("ports-{name}"), ours, peer, limit);
        line(&format!("ports-one-relay-{name}"), half, peer, limit);
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
