//! Published ports with the programs that people use: a browser, iperf3, datagrams, a websocket; and who reaches them when.

use berth_tests::{HERE, Home, Ran, Registry, eventually, get, ip, on_own_network, run};
use nix::sys::signal::{Signal, kill};
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

#[test]
fn ports_are_shared_and_closed_at_a_word_and_come_back_with_their_address_after_a_sleep() {
    on_own_network(|| {
        let (registry, home) = (Registry::start(), Home::up());
        let tools = registry.image("tools:latest");
        let (page, echo) = (format!("{HERE}:8001:8000"), format!("{HERE}:5354:7/udp"));
        let ports = ["-p", "8000:8000", "-p", "5353:7/udp", "-p", &page, "-p", &echo];
        let run = [&["run", "-d", "--name", "echo"][..], &ports, &[&tools, "python3", "-c", ECHO]].concat();
        home.docker(&run).ok();
        let reads = |at: &str| get(&format!("http://{at}/heard")).is_ok_and(|page| page.status == 200);
        let both = |host: &str, page: u16, echo: u16| {
            eventually(&format!("{host} answers on {page} and {echo}"), PATIENCE, || {
                (reads(&format!("{host}:{page}")) && comes_back(host, echo)).then_some(())
            });
        };
        for _ in 0..2 {
            both("127.0.0.1", 8000, 5353);
            both(HERE, 8001, 5354);
            assert!(!reads(&format!("{HERE}:8000")) && !comes_back(HERE, 5353), "open before it was shared");
            home.berth(&["ports", "share", "8000", "5353/udp"]).ok();
            both(HERE, 8000, 5353);
            home.berth(&["ports", "share", "--off", "8000", "5353/udp"]).ok();
            assert!(!reads(&format!("{HERE}:8000")) && !comes_back(HERE, 5353), "still open");
            home.docker(&["restart", "-t", "0", "echo"]).ok();
        }

        let asleep = |change: &str| {
            let all = [home.vm().expect("a VM"), home.daemon().expect("a daemon")];
            all.iter().for_each(|process| kill(*process, Signal::SIGSTOP).expect("stop"));
            ip(change);
            std::thread::sleep(Duration::from_secs(2));
            all.iter().for_each(|process| kill(*process, Signal::SIGCONT).expect("go on"));
        };
        let states = |word: &str| {
            let format = "{{.HostPort}} {{.State}}";
            let said = home.berth(&["ports", "--format", format]).ok().to_owned();
            said.lines().filter(|line| line.contains(word)).count()
        };
        asleep(&format!("address del {HERE}/24 dev lan"));
        let absent = "waiting: cannot assign requested address";
        eventually("two ports say that their address is gone", PATIENCE, || (states(absent) == 2).then_some(()));
        both("127.0.0.1", 8000, 5353);
        asleep(&format!("address add {HERE}/24 dev lan"));
        both(HERE, 8001, 5354);
        assert_eq!((states(absent), states("listening")), (0, 4));
    });
}

/// Whether a datagram that was sent there is answered.
fn comes_back(host: &str, port: u16) -> bool {
    let socket = UdpSocket::bind((host, 0)).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a deadline");
    socket.connect((host, port)).expect("an address");
    socket.send(b"word").is_ok() && socket.recv(&mut [0; 16]).is_ok()
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
