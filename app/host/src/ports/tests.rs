//! Published ports with real sockets of this host and a guest of functions.

mod addresses;

use super::*;
use crate::{guest::Guest, platform};
use berth_api::PortHealth;
use berth_machine::{Channel, ConnectError, Connector};
use berth_protocol::{
    boot::Secret,
    datagram,
    forward::{self, HEADER_LEN},
    handshake::{ANSWER_LEN, Challenge},
    publish::Transport,
};
use std::net::{IpAddr, Ipv4Addr};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpStream,
    time::Instant,
};

const SECRET: [u8; 32] = [7; 32];

/// A guest whose container answers with what it read, reversed, once it has read everything; port 81 refuses.
struct Reverser;

#[async_trait::async_trait]
impl Connector for Reverser {
    async fn connect(&self, port: u32, _: Instant) -> Result<Box<dyn Channel>, ConnectError> {
        let (ours, mut theirs) = duplex(4096);
        tokio::spawn(async move {
            let challenge = Challenge::new([1; 32]);
            theirs.write_all(&challenge.to_bytes()).await.unwrap();
            let mut answer = [0; ANSWER_LEN];
            theirs.read_exact(&mut answer).await.unwrap();
            let (verdict, result) = challenge.judge(&Secret::new(SECRET), port, &answer);
            result.unwrap();
            theirs.write_all(&verdict).await.unwrap();
            let mut header = [0; HEADER_LEN];
            theirs.read_exact(&mut header).await.unwrap();
            let (transport, target) = forward::parse(&header).unwrap();
            if target.port() == 81 {
                return theirs.write_u8(forward::Refusal::Refused.status()).await.unwrap();
            }
            theirs.write_u8(forward::CONNECTED).await.unwrap();
            if transport == Transport::Udp {
                return reverse_datagrams(theirs).await;
            }
            let mut bytes = Vec::new();
            theirs.read_to_end(&mut bytes).await.unwrap();
            bytes.reverse();
            theirs.write_all(&bytes).await.unwrap();
        });
        Ok(Box::new(ours))
    }
}

/// Each datagram reversed, until the host ends the flow.
async fn reverse_datagrams(mut theirs: tokio::io::DuplexStream) {
    let mut datagrams = datagram::Datagrams::default();
    let mut bytes = vec![0; 4096];
    while let Ok(count @ 1..) = theirs.read(&mut bytes).await {
        datagrams.feed(&bytes[..count]);
        let mut out = vec![];
        while let Some(payload) = datagrams.pop() {
            datagram::push(&mut out, &payload.iter().rev().copied().collect::<Vec<_>>());
        }
        if theirs.write_all(&out).await.is_err() {
            return;
        }
    }
}

fn ports() -> Arc<Ports> {
    let ports = Ports::new(Sharing::default(), platform::port_holder);
    ports.set_guest(Some(Guest::new(Arc::new(Reverser), Secret::new(SECRET))));
    ports
}

fn publication(container: &str, host_port: u16) -> Publication {
    Publication {
        container: container.into(),
        name: container.into(),
        host_ip: None,
        host_port,
        host_port_last: None,
        target: "172.17.0.2:80".parse().unwrap(),
        transport: Transport::Tcp,
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address).await?;
    client.write_all(b"olleh").await?;
    client.shutdown().await?;
    let mut text = String::new();
    client.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn any_free_port_is_the_same_on_both_loopbacks_and_half_closes_pass() {
    let ports = ports();
    let addresses = ports.publish(&[publication("a", 0)]).await.unwrap().remove(0);
    assert_eq!(addresses[0].ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == addresses[0].port()));
    for address in &addresses {
        assert_eq!(ask(*address).await.unwrap(), "hello");
    }
    let row = ports.list().remove(0);
    assert_eq!((row.host_port, row.container_port), (addresses[0].port(), 80));
    ports.withdraw("a").await;
    assert!(ports.list().is_empty());
}

#[tokio::test]
async fn all_are_published_or_none() {
    let ports = ports();
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (free, taken_port) = (free_port(), taken.local_addr().unwrap().port());
    let refusal = ports.publish(&[publication("a", free), publication("a", taken_port)]).await.unwrap_err();
    assert!(refusal.to_string().contains(&format!("127.0.0.1:{taken_port}")), "{refusal}");
    assert!(ports.list().is_empty());
    ports.publish(&[publication("b", free)]).await.unwrap();
}

#[tokio::test]
async fn a_port_of_another_container_is_allocated_and_a_foreign_one_is_held_by_someone() {
    let ports = ports();
    let addresses = ports.publish(&[publication("a", 0)]).await.unwrap().remove(0);
    let port = addresses[0].port();
    let refusal = ports.publish(&[publication("b", port)]).await.unwrap_err();
    assert_eq!(refusal.to_string(), format!("Bind for 127.0.0.1:{port} failed: port is already allocated"));

    let mut foreign = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ports::tests::another_program_that_listens", "--ignored", "--nocapture"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(foreign.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next_line().await.unwrap().expect("the other program says its port");
        if let Some(port) = line.strip_prefix("port ") {
            break port.parse().unwrap();
        }
    };
    let pid = foreign.id().unwrap();
    let refusal = ports.publish(&[publication("b", port)]).await.unwrap_err().to_string();
    assert!(refusal.starts_with("ports are not available: exposing port TCP 127.0.0.1:"), "{refusal}");
    assert!(refusal.ends_with(&format!(", pid {pid})")) && refusal.contains("(held by berth_host"), "{refusal}");
    foreign.kill().await.unwrap();
}

/// Not a test: what the test above runs as another process.
#[test]
#[ignore = "run by a test as another process"]
fn another_program_that_listens() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("\nport {}", listener.local_addr().unwrap().port());
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new()).unwrap();
}

#[tokio::test]
async fn two_of_one_request_exclude_each_other_as_two_containers_do() {
    let ports = ports();
    let port = free_port();
    let mut second = publication("a", port);
    second.target.set_port(443);
    let refusal = ports.publish(&[publication("a", port), second]).await.unwrap_err();
    assert!(refusal.to_string().ends_with("port is already allocated"), "{refusal}");
}

#[tokio::test]
async fn a_container_that_refuses_resets_the_client() {
    let ports = ports();
    let mut closed = publication("a", 0);
    closed.target.set_port(81);
    let address = ports.publish(&[closed]).await.unwrap()[0][0];
    let error = ask(address).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_resync_keeps_what_stays_opens_what_is_missing_and_closes_the_rest() {
    let ports = ports();
    let stays = ports.publish(&[publication("stays", 0)]).await.unwrap().remove(0);
    ports.publish(&[publication("goes", 0)]).await.unwrap();
    let blocked = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let blocked = publication("blocked", blocked.local_addr().unwrap().port());
    let _held = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, blocked.host_port));
    // The engine knows by now which port was picked.
    let wanted = [publication("stays", stays[0].port()), blocked, publication("new", 0)];
    let addresses = ports.resync(&wanted).await;
    assert_eq!(addresses[0], stays);
    assert!(addresses[1].iter().all(SocketAddr::is_ipv6) && !addresses[2].is_empty());
    let rows = ports.list();
    let health = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.health);
    assert_eq!((health("stays"), health("new")), (Some(PortHealth::Listening), Some(PortHealth::Listening)));
    assert_eq!((health("blocked"), health("goes")), (Some(PortHealth::Held), None));
    assert_eq!(ask(stays[0]).await.unwrap(), "hello");
}

/// Waits until a row is as it should be.
async fn until(ports: &Ports, what: &str, is: impl Fn(&PublishedPort) -> bool) -> PublishedPort {
    let from = Instant::now();
    loop {
        if let Some(row) = ports.list().into_iter().find(&is) {
            return row;
        }
        assert!(from.elapsed() < Duration::from_secs(1), "not {what} within 1 s: {:?}", ports.list());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_port_that_was_held_is_taken_within_a_second_and_the_engine_is_told() {
    let ports = ports();
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let wanted = publication("web", holder.local_addr().unwrap().port());
    ports.resync(std::slice::from_ref(&wanted)).await;
    let row = ports.list().remove(0);
    assert_eq!(row.health, PortHealth::Held);
    assert!(row.error.is_some());
    drop(holder);
    let row = until(&ports, "taken", |row| row.health == PortHealth::Listening).await;
    assert_eq!((row.error, row.host_port), (None, wanted.host_port));
    assert_eq!(ask((Ipv4Addr::LOCALHOST, wanted.host_port).into()).await.unwrap(), "hello");
    let told = ports.whereabouts().remove(0);
    assert_eq!(
        (told.publication, told.addresses.first().map(SocketAddr::port)),
        (wanted.clone(), Some(wanted.host_port))
    );
}

#[tokio::test]
async fn an_address_that_is_not_there_is_waited_for_but_not_started_with() {
    let ports = ports();
    // TEST-NET-3 of RFC 5737 is nobody's.
    let wanted = Publication { host_ip: Some([203, 0, 113, 7].into()), ..publication("web", free_port()) };
    let refused = ports.publish(std::slice::from_ref(&wanted)).await.unwrap_err().to_string();
    assert!(refused.ends_with("bind: cannot assign requested address"), "{refused}");
    assert!(ports.list().is_empty());
    assert_eq!(ports.resync(&[wanted]).await, [vec![]]);
    assert_eq!(ports.list()[0].health, PortHealth::AddressAbsent);
}

#[tokio::test]
async fn one_free_port_of_a_range_is_taken_and_kept() {
    let ports = ports();
    let first = publication("a", 0);
    let taken = ports.publish(&[first]).await.unwrap()[0][0].port();
    let Some(last) = taken.checked_add(20) else { return };
    let range = Publication { host_port_last: Some(last), ..publication("b", taken) };
    let got = ports.publish(std::slice::from_ref(&range)).await.unwrap()[0][0].port();
    assert!((taken + 1..=last).contains(&got), "{got}");
    let fixed = publication("b", got);
    assert_eq!(ports.resync(&[fixed]).await[0][0].port(), got);
    let one = Publication { host_port_last: Some(got), ..publication("c", got) };
    assert!(ports.publish(&[one]).await.unwrap_err().to_string().ends_with("port is already allocated"));
    let both = publication("d", 0);
    let next = ports.publish(&[both]).await.unwrap()[0][0].port();
    let (low, high) = (got.min(next), got.max(next));
    if high - low == 1 {
        let full = Publication { host_port_last: Some(high), ..publication("e", low) };
        let refused = ports.publish(&[full]).await.unwrap_err().to_string();
        assert_eq!(refused, format!("Bind for 127.0.0.1:{low}-{high} failed: all ports are allocated"));
    }
}

#[tokio::test]
async fn sharing_moves_a_port_at_once_and_back_and_leaves_given_addresses_alone() {
    let ports = ports();
    let open = ports.publish(&[publication("a", 0)]).await.unwrap()[0][0];
    let given = Publication { host_ip: Some(Ipv4Addr::LOCALHOST.into()), ..publication("b", 0) };
    ports.publish(&[given]).await.unwrap();
    let port = HostPort { number: open.port(), transport: Transport::Tcp };
    let ips = |container: &str| {
        let row = ports.list().into_iter().find(|row| row.container == container).unwrap();
        (row.host_ips, row.shared)
    };
    let shared = Sharing::default().with(Some(port), true);
    ports.share(shared.clone()).await.unwrap();
    assert_eq!(ips("a").0[0], "0.0.0.0");
    assert!(ips("a").1 && !ips("b").1);
    assert_eq!(ask(open).await.unwrap(), "hello");
    ports.share(shared.with(None, true)).await.unwrap();
    assert_eq!(ips("b").0, ["127.0.0.1"]);
    ports.share(Sharing::default()).await.unwrap();
    assert_eq!(ips("a").0[0], "127.0.0.1");
    assert!(!ips("a").1);
    assert_eq!(ask(open).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_port_that_cannot_be_shared_stays_as_it_was() {
    let ports = ports();
    let open = ports.publish(&[publication("a", 0)]).await.unwrap()[0][0];
    // Another program has the port on an address of this host that is not 127.0.0.1.
    let Ok(_other) = std::net::TcpListener::bind(("127.0.0.2", open.port())) else { return };
    let port = HostPort { number: open.port(), transport: Transport::Tcp };
    let refused = ports.share(Sharing::default().with(Some(port), true)).await.unwrap_err().to_string();
    assert!(refused.contains("listen tcp") || refused.contains("allocated"), "{refused}");
    assert_eq!(ports.sharing(), Sharing::default());
    assert_eq!((ports.list()[0].host_ips[0].as_str(), ports.list()[0].health), ("127.0.0.1", PortHealth::Listening));
    assert_eq!(ask(open).await.unwrap(), "hello");
}

#[tokio::test]
async fn without_a_machine_nothing_listens() {
    let ports = ports();
    let address = ports.publish(&[publication("a", 0)]).await.unwrap()[0][0];
    ports.set_guest(None);
    // The listener closes with its task, which is told at once and ends a moment later.
    for _ in 0..200 {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{address} still answers");
}

/// A client of a UDP port that has asked and got its answer.
async fn ask_datagram(address: SocketAddr, text: &[u8]) -> tokio::net::UdpSocket {
    let local = if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    ask_datagram_from(local.parse().unwrap(), address, text).await
}

async fn ask_datagram_from(local: SocketAddr, address: SocketAddr, text: &[u8]) -> tokio::net::UdpSocket {
    let client = tokio::net::UdpSocket::bind(local).await.unwrap();
    client.connect(address).await.unwrap();
    client.send(text).await.unwrap();
    let mut answer = vec![0; 70_000];
    let count = tokio::time::timeout(Duration::from_secs(5), client.recv(&mut answer)).await.unwrap().unwrap();
    let reversed: Vec<u8> = text.iter().rev().copied().collect();
    assert!(answer[..count] == reversed, "{count} bytes came back of {}", text.len());
    client
}

#[tokio::test]
async fn datagrams_of_each_client_come_back_to_it_over_both_families() {
    let ports = ports();
    let udp = Publication { transport: Transport::Udp, ..publication("dns", 0) };
    let tcp = ports.publish(&[publication("web", 0)]).await.unwrap().remove(0);
    let same_number = Publication { host_port: tcp[0].port(), ..udp.clone() };
    // TCP and UDP are two spaces of ports.
    ports.publish(&[same_number]).await.unwrap();
    let addresses = ports.publish(&[udp]).await.unwrap().remove(0);
    assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
    for address in addresses {
        let first = ask_datagram(address, b"olleh").await;
        ask_datagram(address, b"").await;
        ask_datagram(address, &[7; 9000]).await;
        first.send(b"niaga").await.unwrap();
        let mut answer = [0; 16];
        let count = first.recv(&mut answer).await.unwrap();
        assert_eq!(&answer[..count], b"again");
    }
    let row = ports.list().into_iter().find(|row| row.name == "dns" && row.url.is_empty()).unwrap();
    assert_eq!(row.protocol, "udp");
}

#[tokio::test]
async fn a_udp_port_has_a_holder_and_frees_its_number_when_it_is_withdrawn() {
    let ports = ports();
    let udp = |container: &str, port| Publication { transport: Transport::Udp, ..publication(container, port) };
    let address = ports.publish(&[udp("a", 0)]).await.unwrap()[0][0];
    let refused = ports.publish(&[udp("b", address.port())]).await.unwrap_err().to_string();
    assert_eq!(refused, format!("Bind for {address} failed: port is already allocated"));
    ports.withdraw("a").await;
    let _foreign = std::net::UdpSocket::bind(address).expect("free the moment it was withdrawn");
    let refused = ports.publish(&[udp("b", address.port())]).await.unwrap_err().to_string();
    assert!(refused.contains("exposing port UDP") || refused.contains("allocated"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_udp_port_is_free_the_moment_it_is_withdrawn_however_many_clients_it_had() {
    let ports = ports();
    for _ in 0..50 {
        let udp = Publication { transport: Transport::Udp, ..publication("dns", 0) };
        let address = ports.publish(&[udp]).await.unwrap()[0][0];
        for _ in 0..8 {
            ask_datagram(address, b"olleh").await;
        }
        ports.withdraw("dns").await;
        std::net::UdpSocket::bind(address).expect("free the moment it was withdrawn");
    }
}

#[tokio::test]
async fn a_container_with_an_address_of_ipv6_is_reached_over_both_families() {
    let ports = ports();
    let wanted = Publication { target: "[fd00::2]:80".parse().unwrap(), ..publication("six", 0) };
    for address in ports.publish(&[wanted]).await.unwrap().remove(0) {
        assert_eq!(ask(address).await.unwrap(), "hello");
    }
}
