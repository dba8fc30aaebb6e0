//! Published ports with real sockets of this host and a guest of functions.

use super::*;
use crate::{guest::Guest, platform};
use berth_machine::{Channel, ConnectError, Connector};
use berth_protocol::{
    boot::Secret,
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
            let target = forward::parse(&header).unwrap();
            if target.port() == 81 {
                return theirs.write_u8(forward::Refusal::Refused.status()).await.unwrap();
            }
            theirs.write_u8(forward::CONNECTED).await.unwrap();
            let mut bytes = Vec::new();
            theirs.read_to_end(&mut bytes).await.unwrap();
            bytes.reverse();
            theirs.write_all(&bytes).await.unwrap();
        });
        Ok(Box::new(ours))
    }
}

fn ports() -> Arc<Ports> {
    let ports = Ports::new(platform::port_holder);
    ports.set_guest(Some(Guest::new(Arc::new(Reverser), Secret::new(SECRET))));
    ports
}

fn publication(container: &str, host_port: u16) -> Publication {
    Publication {
        container: container.into(),
        name: container.into(),
        host_ip: None,
        host_port,
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
    ports.withdraw("a");
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
    assert!(addresses[1].is_empty() && !addresses[2].is_empty());
    let names: std::collections::BTreeSet<_> = ports.list().into_iter().map(|row| row.name).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["new", "stays"]);
    assert_eq!(ask(stays[0]).await.unwrap(), "hello");
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
