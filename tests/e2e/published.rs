//! Published ports with the programs that people use: a browser, iperf3, datagrams, a websocket.

use berth_tests::{Home, Ran, Registry, eventually, run};
use std::{
    net::UdpSocket,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What takes the emulated machine a while.
const PATIENCE: Duration = Duration::from_secs(90);
const ECHO: &str = include_str!("echo.py");

#[test]
fn a_page_is_read_in_a_browser_while_a_hundred_flows_run() {
    let (registry, home) = (Registry::start(), Home::up());
    let (nginx, tools) = (registry.image("nginx:latest"), registry.image("tools:latest"));
    home.docker(&["run", "-d", "--name", "web", "-p", "80", &nginx]).ok();
    home.docker(&["run", "-d", "--name", "speed", "-p", "5201", &tools, "iperf3", "-s"]).ok();
    home.berth(&["run", "-d", "--name", "echo", "-p", "8000", "-p", "7/udp", &tools, "python3", "-c", ECHO]).ok();
    let (web, speed, page) = (port(&home, "web", "80"), port(&home, "speed", "5201"), port(&home, "echo", "8000"));

    let mut flows = Flows::start(speed);
    let read = browser(&format!("http://localhost:{web}/"));
    assert!(read.ok().contains("Welcome"), "{read}");
    assert!(flows.run_still(), "the flows ended while the page was read");
    let carried = flows.end();
    assert_eq!(carried.flows, 100, "{carried:?}");
    assert!(carried.bytes > 0, "{carried:?}");

    let heard = browser(&format!("http://localhost:{page}/"));
    assert!(heard.ok().contains("heard hello 안녕"), "{heard}");
    datagrams_come_back(&home);
}

/// What the host's loopback takes for the container's port.
fn port(home: &Home, container: &str, inside: &str) -> u16 {
    let said = home.docker(&["port", container, inside]);
    let first = said.ok().lines().next().unwrap_or_default().to_owned();
    first.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

fn browser(url: &str) -> Ran {
    let profile = tempfile::tempdir().expect("a folder");
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]);
    run(chromium.arg(format!("--user-data-dir={}", profile.path().display())).arg(url))
}

fn datagrams_come_back(home: &Home) {
    let port = port(home, "echo", "7/udp");
    for host in ["127.0.0.1", "::1"] {
        let socket = UdpSocket::bind((host, 0)).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a deadline");
        socket.connect((host, port)).expect("an address");
        // The last one is in many packets.
        for length in [1, 1400, 9000] {
            let sent: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0]).collect();
            let mut back = vec![0; 65_535];
            // A datagram may be lost on the way, as anywhere.
            let received = eventually(&format!("{length} bytes come back to {host}"), PATIENCE, || {
                socket.send(&sent).ok()?;
                socket.recv(&mut back).ok()
            });
            assert_eq!(back[..received], sent);
        }
    }
}

/// iperf3 with a hundred streams.
struct Flows(Option<Child>);

#[derive(Debug)]
struct Carried {
    flows: usize,
    bytes: u64,
}

impl Flows {
    fn start(port: u16) -> Self {
        let port = port.to_string();
        let mut command = Command::new("iperf3");
        command.args(["-c", "127.0.0.1", "-p", &port, "-P", "100", "-t", "30", "-J"]);
        Self(Some(command.stdout(Stdio::piped()).spawn().expect("iperf3, from Debian's package of that name")))
    }

    fn run_still(&mut self) -> bool {
        self.0.as_mut().is_some_and(|client| client.try_wait().expect("its state").is_none())
    }

    fn end(mut self) -> Carried {
        let output = self.0.take().expect("it was started").wait_with_output().expect("its output");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(output.status.success(), "{}", report["error"]);
        let streams = report["end"]["streams"].as_array().map_or(0, Vec::len);
        Carried { flows: streams, bytes: report["end"]["sum_received"]["bytes"].as_u64().unwrap_or(0) }
    }
}

impl Drop for Flows {
    fn drop(&mut self) {
        if let Some(client) = &mut self.0 {
            client.kill().ok();
            client.wait().ok();
        }
    }
}
