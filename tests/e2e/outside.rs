//! The way out of a container: the host's names and loopback by their names, everything else as from the host, and no API
//! anywhere on the way (S13).

use berth_tests::{
    HERE, HERE_V6, Home, Ran, Registry, SILENT, WORD, eventually, free_port, ip, on_own_network, run, serve_a_word,
};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};

const SCAN: &str = include_str!("scan.py");
/// Says how the system answers an attempt to reach each address.
const REACH: &str = include_str!("../../app/net/tests/reach.py");
/// Sends datagrams of each size and says which came back whole: ADDRESS PORT SIZE...
const DATAGRAMS: &str = include_str!("../../app/net/tests/datagrams.py");
/// Of the gateway (`app/net/README.md`).
const GATEWAY: &str = "198.19.87.1";
const HOST: &str = "198.19.87.2";

#[test]
fn a_container_reaches_what_its_host_reaches_and_no_api() {
    let (registry, home) = (Registry::start(), Home::up());
    let tools = registry.image("tools:latest");
    home.berth(&["pull", &tools]).ok();
    home.berth(&["network", "create", "own"]).ok();
    let inside = |options: &[&str], script: &str| {
        home.docker(&[&["run", "--rm"], options, &[&tools, "sh", "-c", script]].concat())
    };
    let port = serve_a_word("127.0.0.1");
    for options in [&[][..], &["--network", "own"]] {
        let read = inside(options, &format!("curl -s http://host.docker.internal:{port}/"));
        assert_eq!(read.ok(), WORD);
        reaches_names_of_the_host(&|script: &str| inside(options, script));
        let refused = inside(options, &format!("curl -sS http://host.docker.internal:{}/", free_port()));
        // curl's code for a connection that could not be made.
        assert!(refused.fails(7).contains("Could not connect") || refused.stderr.contains("refused"), "{refused}");
        let loopback = inside(options, &format!("curl -sS -m 5 http://127.0.0.1:{port}/"));
        assert_ne!(loopback.code, Some(0), "its own loopback is not the host's: {loopback}");
    }
    no_api_is_found(&home, &tools);
}

#[test]
fn what_is_refused_silent_or_unreachable_looks_to_a_container_as_to_its_host() {
    on_own_network(|| {
        for route in ["unreachable 192.0.2.0/28", "unreachable 2001:db8:1::/64"] {
            ip(&format!("route add {route}"));
        }
        let (registry, home) = (Registry::start(), Home::up());
        let tools = registry.image("tools:latest");
        home.berth(&["pull", &tools]).ok();
        home.berth(&["network", "create", "--ipv6", "both"]).ok();
        let (open, closed) = (serve_a_word("::"), free_port());
        let attempts = [
            format!("tcp {HERE} {open}"),
            format!("tcp {HERE} {closed}"),
            format!("udp {HERE} {closed}"),
            format!("tcp {SILENT} 80"),
            format!("udp {SILENT} 80"),
            "tcp 192.0.2.1 80".to_owned(),
            "tcp 198.51.100.1 80".to_owned(),
            format!("tcp {HERE_V6} {open}"),
            format!("tcp {HERE_V6} {closed}"),
            format!("udp {HERE_V6} {closed}"),
            "tcp 2001:db8:1::1 80".to_owned(),
            "tcp 2001:db8:99::1 80".to_owned(),
        ];
        let words: Vec<&str> = attempts.iter().flat_map(|attempt| attempt.split(' ')).collect();
        let plain = run(Command::new("python3").args(["-c", REACH]).args(&words));
        for said in ["reached", "ECONNREFUSED", "timeout", "EHOSTUNREACH", "ENETUNREACH"] {
            assert!(plain.ok().contains(said), "{said} was not tried: {plain}");
        }
        let inside = ["run", "--rm", "--network", "both", &tools, "python3", "-c", REACH];
        assert_eq!(home.docker(&[&inside[..], &words].concat()).ok(), plain.ok());
    });
}

#[test]
fn a_container_reaches_the_outside_over_ipv6_as_over_ipv4() {
    on_own_network(|| {
        let (registry, home) = (Registry::start(), Home::up());
        let tools = registry.image("tools:latest");
        home.berth(&["pull", &tools]).ok();
        home.berth(&["network", "create", "--ipv6", "both"]).ok();
        let small = ["network", "create", "--ipv6", "-o", "com.docker.network.driver.mtu=1300", "small"];
        home.berth(&small).ok();
        let (page, echo) = (serve_a_word("::"), serve_datagrams());
        for network in ["both", "small"] {
            let inside =
                |words: &[&str]| home.docker(&[&["run", "--rm", "--network", network, &tools], words].concat());
            for (host, url) in [(HERE, HERE.to_owned()), (HERE_V6, format!("[{HERE_V6}]"))] {
                let read = inside(&["curl", "-sS", "-m", "10", &format!("http://{url}:{page}/")]);
                assert_eq!(read.ok(), WORD, "{host}");
                inside(&["ping", "-c", "1", "-W", "10", host]).ok();
                let sent = inside(&["python3", "-c", DATAGRAMS, host, &echo.to_string(), "1", "1200", "1400", "9000"]);
                assert_eq!(sent.ok(), "1 1200 1400 9000", "{host} from {network}");
            }
            let named = inside(&["getent", "ahostsv6", "host.docker.internal"]);
            assert!(named.ok().starts_with("fdbe:7268:7570::2 "), "{named}");
        }
    });
}

#[test]
fn pulls_and_containers_go_out_through_the_proxy_of_the_user_and_by_no_other_way() {
    on_own_network(|| {
        let (registry, home, port) = (Registry::open(), Home::new(), free_port());
        let write = |name: &str, text: String| std::fs::write(home.path().join(name), text).expect("write");
        write("settings.json", format!(r#"{{"proxy": "socks5://me:secret@127.0.0.1:{port}"}}"#));
        write("daemon.json", format!(r#"{{"insecure-registries": ["{HERE}:{}"]}}"#, registry.port()));
        home.berth(&["up"]).ok();
        let image = |name: &str| format!("{HERE}:{}/{name}:latest", registry.port());
        let (tools, page) = (image("tools"), serve_a_word("0.0.0.0"));
        let read = |host: &str| {
            home.docker(&["run", "--rm", &tools, "curl", "-sS", "-m", "10", &format!("http://{host}:{page}/")])
        };
        let proxy = Socks::start(port);
        home.berth(&["pull", &tools]).ok();
        assert_eq!(read(HERE).ok(), WORD);
        drop(proxy);
        let pulled = home.berth(&["pull", &image("busybox")]);
        assert_eq!(pulled.code, Some(1), "there was another way than the proxy: {pulled}");
        assert_ne!(read(HERE).code, Some(0), "there was another way than the proxy");
        assert_eq!(read("host.docker.internal").ok(), WORD, "the host itself needs none");
        let _again = Socks::start(port);
        home.berth(&["pull", &image("busybox")]).ok();
        assert_eq!(read(HERE).ok(), WORD);
    });
}

/// A proxy that speaks SOCKS5; it ends with this value.
struct Socks(Child);

impl Socks {
    fn start(port: u16) -> Self {
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "me", "-P", "secret"]);
        command.stderr(Stdio::null());
        let proxy = Self(command.spawn().expect("microsocks is installed"));
        eventually("the proxy listens", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
        proxy
    }
}

impl Drop for Socks {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Sends datagrams to every address of the host back to who sent them.
fn serve_datagrams() -> u16 {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a port");
    let port = socket.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 65_535];
        while let Ok((length, client)) = socket.recv_from(&mut bytes) {
            drop(socket.send_to(&bytes[..length], client));
        }
    });
    port
}

/// What stands in the host's own hosts file, asked through the host's resolver.
fn reaches_names_of_the_host(inside: &dyn Fn(&str) -> Ran) {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name").trim().to_owned();
    let here: BTreeSet<String> = (name.as_str(), 0)
        .to_socket_addrs()
        .map(|all| all.filter(SocketAddr::is_ipv4).map(|address| address.ip().to_string()).collect())
        .unwrap_or_default();
    let there = inside(&format!("dig +short {name} A"));
    let there: BTreeSet<String> = there.ok().lines().map(str::to_owned).collect();
    assert_eq!(there, here, "{name}");
}

fn no_api_is_found(home: &Home, tools: &str) {
    let bridge = home.docker(&["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]);
    let scan = ["run", "--rm", "--ulimit", "nofile=10000", tools, "python3", "-c", SCAN];
    let scanned = home.docker(&[&scan[..], &[bridge.ok(), GATEWAY]].concat());
    assert_eq!(scanned.ok(), format!("{}\n{GATEWAY} 53", bridge.ok()), "only names are answered on the way");
    // What the host's own loopback has is there, the test's own registry for one, and no engine behind any of it.
    let host = ports_of_the_loopback();
    assert!(!host.is_empty());
    for port in host {
        let asked = format!("curl -s -m 5 -i http://{HOST}:{port}/_ping; true");
        let answer = home.docker(&["run", "--rm", tools, "sh", "-c", &asked]);
        let is_docker = answer.ok().lines().any(|line| line.to_lowercase().starts_with("api-version:"));
        assert!(!is_docker, "{port}: {answer}");
    }
}

fn ports_of_the_loopback() -> Vec<u16> {
    (1..=u16::MAX).filter(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok()).collect()
}
