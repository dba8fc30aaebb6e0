//! S18: a neighbour in the same network tries to reach published ports. What was published for this computer only does not
//! answer, whatever way is tried, and nothing listens but what was published.

use berth_tests::native::{Engine, Ground, Ports, inside};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const HOST: [&str; 2] = ["10.77.0.1", "fd77::1"];
const NEIGHBOUR: [&str; 2] = ["10.77.0.2", "fd77::2"];
/// Given on purpose: the one port that the neighbour may reach.
const OPEN: u16 = 8082;
/// For this computer only.
const CLOSED: u16 = 8080;
const DNS: u16 = 5353;
/// How long an answer from the next desk may take.
const ANSWER: Duration = Duration::from_secs(1);

#[test]
fn a_neighbour_reaches_only_what_was_opened_for_it() {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let (host, neighbour) = (Network::new(), Network::new());
    join(&host, &neighbour);
    let mut ports = Ports::start(Some(host.command()), ground.dir());
    let mut client = engine.client();
    let body = json!({
        "Image": "busybox", "Cmd": ["sleep", "100000"], "ExposedPorts": { "82/tcp": {}, "83/udp": {} },
        "HostConfig": { "PublishAllPorts": true, "PortBindings": {
            "80/tcp": [{ "HostPort": CLOSED.to_string() }, { "HostIp": HOST[0], "HostPort": OPEN.to_string() }],
            "81/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8081" }],
            "53/udp": [{ "HostPort": DNS.to_string() }],
        } },
    });
    let id = client.create("web", &body);
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    assert_eq!(started.status, 204, "{}", started.text());
    let pid = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"]["Pid"].as_u64();
    serve(u32::try_from(pid.expect("a process")).expect("a process id"));

    assert_eq!(host.listeners(), published(&mut ports), "nothing else listens");
    assert_eq!(neighbour.open_ports(HOST), BTreeSet::from([(HOST[0].to_owned(), OPEN)]));
    assert_eq!(neighbour.asks((HOST[0], OPEN)).as_deref(), Some("hello"), "the way is there");
    assert_eq!(host.asks(("127.0.0.1", CLOSED)).as_deref(), Some("hello"));
    assert!(host.asks_datagram(("127.0.0.1", DNS)) && !neighbour.asks_datagram((HOST[0], DNS)));
    // By a route to the host's own loopback.
    neighbour.run("ip link set lo down; ip route add 127.0.0.0/8 via 10.77.0.1 src 10.77.0.2");
    std::fs::write(neighbour.proc("root/proc/sys/net/ipv4/conf/all/route_localnet"), "1").ok();
    assert_eq!(neighbour.asks(("127.0.0.1", CLOSED)), None);
    assert!(!neighbour.asks_datagram(("127.0.0.1", DNS)));

    assert_eq!(ports.share(true), "ok");
    assert_eq!(neighbour.asks((HOST[0], CLOSED)).as_deref(), Some("hello"), "opened at a word");
    assert_eq!(neighbour.asks((HOST[1], CLOSED)).as_deref(), Some("hello"), "over IPv6 too");
    assert!(neighbour.asks_datagram((HOST[0], DNS)));
    // An answer comes from where the question went, also where the routes would choose another address.
    host.run("ip address add 10.77.0.3/24 dev lan0");
    assert!(neighbour.asks_datagram(("10.77.0.3", DNS)));
    assert_eq!(neighbour.asks((HOST[0], 8081)), None, "an address that was given is honoured");
    assert_eq!(ports.share(false), "ok");
    assert_eq!(neighbour.open_ports(HOST), BTreeSet::from([(HOST[0].to_owned(), OPEN)]));
    assert_eq!(client.request("POST", &format!("/containers/{id}/stop?t=0"), None).status, 204);
    assert_eq!(host.listeners(), BTreeSet::new(), "and nothing after its end");
}

/// What listens in the container: port 80 greets, port 53 echoes.
fn serve(pid: u32) {
    inside(pid, || {
        for mut stream in TcpListener::bind("0.0.0.0:80").expect("port 80").incoming().map_while(Result::ok) {
            stream.write_all(b"hello").ok();
        }
    });
    inside(pid, || {
        let (socket, mut bytes) = (UdpSocket::bind("0.0.0.0:53").expect("port 53"), [0; 100]);
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            socket.send_to(&bytes[..count], from).ok();
        }
    });
}

/// Where berthd says that it listens.
fn published(ports: &mut Ports) -> BTreeSet<String> {
    let row = |row: &serde_json::Value| {
        let ips: Vec<String> = serde_json::from_value(row["host_ips"].clone()).expect("addresses");
        let address = |ip: String| SocketAddr::new(ip.parse().expect("an address"), port(row));
        ips.into_iter()
            .map(|ip| format!("{} {}", row["protocol"].as_str().expect("a word"), address(ip)))
            .collect::<Vec<_>>()
    };
    let all: BTreeSet<_> = ports.list().iter().flat_map(row).collect();
    // 8080, 5353, and the two of -P on two families; one each where an address was given.
    assert_eq!(all.len(), 10, "{all:?}");
    all
}

fn port(row: &serde_json::Value) -> u16 {
    row["host_port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port")
}

/// A network namespace, held by a process.
struct Network(Child);

impl Network {
    fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["-n", "--", "sh", "-c", "ip link set lo up && echo ready && exec cat >/dev/null"]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare");
        let mut ready = [0; 6];
        holder.stdout.take().expect("a pipe").read_exact(&mut ready).expect("a namespace; it takes root");
        Self(holder)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "-n", "--"]);
        command
    }

    fn proc(&self, below: &str) -> String {
        format!("/proc/{}/{below}", self.0.id())
    }

    fn run(&self, script: &str) -> String {
        let output = self.command().args(["sh", "-c", script]).output().expect("sh");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Everything that listens here.
    fn listeners(&self) -> BTreeSet<String> {
        let text = self.run("ss -Hnltu");
        let line = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            format!("{} {}", fields[0], fields[4].replace('*', "[::]"))
        };
        text.lines().map(line).collect()
    }

    /// Every TCP port of these addresses that answers to a SYN with a SYN-ACK.
    fn open_ports(&self, ips: [&'static str; 2]) -> BTreeSet<(String, u16)> {
        let scan = move || {
            let all = ips.into_iter().flat_map(|ip| (1..=u16::MAX).map(move |port| (ip, port)));
            let answers = |(ip, port): &(&str, u16)| {
                let address = SocketAddr::new(ip.parse::<IpAddr>().expect("an address"), *port);
                TcpStream::connect_timeout(&address, ANSWER).is_ok()
            };
            all.filter(answers).map(|(ip, port)| (ip.to_owned(), port)).collect()
        };
        inside(self.0.id(), scan).join().expect("a scan")
    }

    /// What a server says first.
    fn asks(&self, to: (&'static str, u16)) -> Option<String> {
        let ask = move || {
            let address = SocketAddr::new(to.0.parse::<IpAddr>().expect("an address"), to.1);
            let mut stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
            stream.set_read_timeout(Some(5 * ANSWER)).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text)
        };
        inside(self.0.id(), ask).join().expect("a question")
    }

    /// Whether a datagram comes back.
    fn asks_datagram(&self, to: (&'static str, u16)) -> bool {
        let ask = move || {
            let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
            socket.connect(to).ok()?;
            socket.set_read_timeout(Some(ANSWER)).ok()?;
            socket.send(b"hello").ok()?;
            socket.recv(&mut [0; 9]).ok()
        };
        inside(self.0.id(), ask).join().expect("a question").is_some()
    }
}

/// A cable between the two.
fn join(host: &Network, neighbour: &Network) {
    host.run(&format!("ip link add lan0 type veth peer name lan1 && ip link set lan1 netns {}", neighbour.0.id()));
    for (network, link, [v4, v6]) in [(host, "lan0", HOST), (neighbour, "lan1", NEIGHBOUR)] {
        network.run(&format!(
            "ip address add {v4}/24 dev {link} && ip address add {v6}/64 dev {link} nodad && ip link set {link} up"
        ));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
