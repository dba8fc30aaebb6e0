//! The way out of a container: the host's names and loopback by their names, everything else as from the host, and no API
//! anywhere on the way (S13).

use berth_tests::{Home, Ran, Registry};
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
};

const SCAN: &str = include_str!("scan.py");
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
    let port = serve_a_word();
    for options in [&[][..], &["--network", "own"]] {
        let read = inside(options, &format!("curl -s http://host.docker.internal:{port}/"));
        assert_eq!(read.ok(), "a word of the host");
        reaches_names_of_the_host(&|script: &str| inside(options, script));
        let refused = inside(options, &format!("curl -sS http://host.docker.internal:{}/", berth_tests::free_port()));
        // curl's code for a connection that could not be made.
        assert!(refused.fails(7).contains("Could not connect") || refused.stderr.contains("refused"), "{refused}");
        let loopback = inside(options, &format!("curl -sS -m 5 http://127.0.0.1:{port}/"));
        assert_ne!(loopback.code, Some(0), "its own loopback is not the host's: {loopback}");
    }
    no_api_is_found(&home, &tools);
}

/// Answers every connection to the host's loopback.
fn serve_a_word() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let word = "a word of the host";
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{word}", word.len());
            // A scanner goes away without a word.
            drop(client.read(&mut [0; 1024]).and_then(|_| client.write_all(answer.as_bytes())));
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
