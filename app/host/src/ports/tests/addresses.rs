//! Addresses of this host that go and come back, as those of a VPN, of a cable and of a computer that slept do: in a
//! network of the test's own.
#![cfg(target_os = "linux")]

use super::*;
use nix::sched::{CloneFlags, unshare};
use std::process::Command;

/// One of the interface, and one of the network it is on.
const ADDRESS: &str = "203.0.113.1";
const ADDRESS_V6: &str = "2001:db8::1";

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Gives the interface an address, or takes it away.
fn address(word: &str, given: &str) {
    let length = if given.contains(':') { 64 } else { 24 };
    // An address of IPv6 may be used at once only where nobody looks for who else has it.
    let at_once = if word == "add" && length == 64 { " nodad" } else { "" };
    ip(&format!("address {word} {given}/{length} dev lan{at_once}"));
}

/// Runs a case on a thread whose network is its own.
fn on_own_network<F: Future<Output = ()>>(case: impl FnOnce() -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: a network of its own takes root");
        return;
    }
    let ran = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip("link set lo up");
        ip("link add lan type veth peer name wire");
        ip("link set wire up");
        ip("link set lan up");
        // A runtime of one thread: others would be elsewhere.
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case());
    });
    ran.join().unwrap();
}

#[test]
fn a_port_leaves_with_its_address_says_so_and_is_back_within_a_second_after_it() {
    on_own_network(|| async {
        let ports = ports();
        for given in [ADDRESS, ADDRESS_V6] {
            address("add", given);
            let given_ip: IpAddr = given.parse().unwrap();
            let on = |container: &str, transport| Publication {
                host_ip: Some(given_ip),
                transport,
                ..publication(container, 8080)
            };
            let wanted = [on("web", Transport::Tcp), on("dns", Transport::Udp)];
            ports.publish(&wanted).await.unwrap();
            let at = SocketAddr::new(given_ip, 8080);
            for round in 0..3 {
                assert_eq!(ask(at).await.unwrap(), "hello", "{given}, {round}");
                ask_datagram_from(SocketAddr::new(given_ip, 0), at, b"olleh").await;
                address("del", given);
                for container in ["web", "dns"] {
                    let gone = |row: &PublishedPort| row.name == container && row.health == PortHealth::AddressAbsent;
                    let row = until(&ports, "absent", gone).await;
                    assert_eq!(row.error.as_deref(), Some("cannot assign requested address"));
                    assert_eq!((row.host_ips, row.given_ip.as_deref()), (vec![], Some(given)));
                }
                assert!(ports.whereabouts().iter().all(|moved| moved.addresses.is_empty()), "the engine is told");
                address("add", given);
                for container in ["web", "dns"] {
                    let back = |row: &PublishedPort| row.name == container && row.health == PortHealth::Listening;
                    let row = until(&ports, "listening", back).await;
                    assert_eq!((row.host_ips, row.host_port, row.error), (vec![given.to_owned()], 8080, None));
                }
            }
            ports.withdraw("web").await;
            ports.withdraw("dns").await;
            address("del", given);
        }
    });
}

#[test]
fn an_address_that_is_taken_away_and_back_at_once_as_over_a_sleep_leaves_a_port_that_works() {
    on_own_network(|| async {
        let ports = ports();
        address("add", ADDRESS);
        let given_ip: IpAddr = ADDRESS.parse().unwrap();
        let wanted = Publication { host_ip: Some(given_ip), ..publication("web", 8080) };
        ports.publish(&[wanted]).await.unwrap();
        for _ in 0..5 {
            // Nobody in this process looks in between: the runtime has one thread, and it is here.
            address("del", ADDRESS);
            std::thread::sleep(2 * LOOK);
            address("add", ADDRESS);
            let from = Instant::now();
            while ask((given_ip, 8080).into()).await.is_err() {
                assert!(from.elapsed() < Duration::from_secs(1), "{:?}", ports.list());
            }
            assert_eq!(ports.list()[0].health, PortHealth::Listening);
        }
    });
}

#[test]
fn a_udp_port_is_opened_to_the_network_closed_again_and_follows_its_container() {
    on_own_network(|| async {
        let ports = ports();
        address("add", ADDRESS);
        let udp = Publication { transport: Transport::Udp, ..publication("dns", 5353) };
        let outside: SocketAddr = format!("{ADDRESS}:5353").parse().unwrap();
        let from: SocketAddr = format!("{ADDRESS}:0").parse().unwrap();
        let refused = || async {
            let client = tokio::net::UdpSocket::bind(from).await.unwrap();
            client.connect(outside).await.unwrap();
            client.send(b"olleh").await.unwrap();
            let told = tokio::time::timeout(Duration::from_secs(5), client.recv(&mut [0; 16])).await.unwrap();
            assert_eq!(told.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        };
        let port = HostPort { number: 5353, transport: Transport::Udp };
        for _ in 0..3 {
            // A start.
            ports.publish(std::slice::from_ref(&udp)).await.unwrap();
            ask_datagram("127.0.0.1:5353".parse().unwrap(), b"olleh").await;
            refused().await;
            ports.share(Sharing::default().with(Some(port), true)).await.unwrap();
            let client = ask_datagram_from(from, outside, b"olleh").await;
            ask_datagram("[::1]:5353".parse().unwrap(), b"olleh").await;
            ports.share(Sharing::default()).await.unwrap();
            refused().await;
            drop(client);
            // A stop.
            ports.withdraw("dns").await;
            assert!(tokio::net::UdpSocket::bind("0.0.0.0:5353").await.is_ok(), "the port is free");
        }
    });
}
