//! TCP of a guest made of smoltcp, through the gateway, to servers of this system.
#![allow(clippy::unwrap_used, reason = "tests")]

mod guest;

use berth_net::{
    Gateway, Settings,
    link::fake::{FakeLink, pair},
};
use berth_protocol::uplink;
use guest::Guest;
use proptest::prelude::*;
use smoltcp::{iface::SocketHandle, socket::tcp::State};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// A guest, and the gateway that serves it.
fn guest(mtu: usize, lost: Option<u32>) -> (Guest<FakeLink>, JoinHandle<Gateway>) {
    let (near, far) = pair();
    (Guest::new(far, mtu, lost), serve(Gateway::new(Settings::default()), near))
}

fn serve(mut gateway: Gateway, link: FakeLink) -> JoinHandle<Gateway> {
    tokio::spawn(async move {
        // A link that is dropped in the middle may end either way.
        drop(gateway.serve(link).await);
        gateway
    })
}

async fn listen(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let host: IpAddr = if address.contains(':') { uplink::HOST_V6.into() } else { uplink::HOST.into() };
    (listener, SocketAddr::new(host, port))
}

/// A connection from a port of the guest, with both of its ends.
async fn connection(
    guest: &mut Guest<FakeLink>,
    listener: &TcpListener,
    target: SocketAddr,
    port: u16,
) -> (SocketHandle, TcpStream) {
    let handle = guest.connect(target, port);
    guest.until("a connection", |guest| guest.socket(handle).state() == State::Established).await;
    (handle, listener.accept().await.unwrap().0)
}

/// A server that reads to the end, and gives back what `answer` makes of it.
fn server(listener: TcpListener, answer: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = vec![];
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&answer(all)).await.unwrap();
    });
}

/// No flow is left once the tasks have had their turn.
async fn is_idle(guest: Guest<FakeLink>, serving: JoinHandle<Gateway>) {
    drop(guest);
    let mut gateway = serving.await.unwrap();
    for _ in 0..500 {
        let (near, far) = pair();
        let ended = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(far);
        });
        drop(gateway.serve(near).await);
        ended.await.unwrap();
        if gateway.flows() == 0 {
            return;
        }
    }
    panic!("{} flows are left", gateway.flows());
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 20, ..ProptestConfig::default() })]
#[test]
    fn every_byte_arrives_once_and_in_order_also_when_packets_are_lost(
        sent in 0_usize..300_000,
        answered in 0_usize..300_000,
        mtu in prop_oneof![Just(1500), Just(1280), Just(65_520)],
        lost in prop_oneof![3 => Just(None), 1 => (30_u32..200).prop_map(Some)],
        v6: bool,
    ) {
        run(async {
            let (listener, target) = listen(if v6 { "::1" } else { "127.0.0.1" }).await;
            let there: Vec<u8> = (0..=250).cycle().take(sent).collect();
            let back: Vec<u8> = (0..=250).rev().cycle().take(answered).collect();
            let (expected, answer) = (there.clone(), back.clone());
            server(listener, move |all| {
                assert!(all == expected, "{} of {} bytes arrived", all.len(), expected.len());
                answer.clone()
            });
            let (mut guest, serving) = guest(mtu, lost);
            let handle = guest.connect(target, 40_000);
            let returned = guest.talk(handle, &there).await;
            assert!(returned == back, "{} of {} bytes came back", returned.len(), back.len());
            is_idle(guest, serving).await;
        });
    }
}

#[test]
fn a_connection_is_answered_only_after_the_hosts_own() {
    run(async {
        let nobody = {
            let (_, target) = listen("127.0.0.1").await;
            target
        };
        let (mut guest, serving) = guest(1500, None);
        let handle = guest.connect(nobody, 40_000);
        let mut seen = Vec::new();
        guest
            .until("a refusal", |guest| {
                seen.push(guest.socket(handle).state());
                *seen.last().unwrap() == State::Closed
            })
            .await;
        assert!(!seen.contains(&State::Established), "{seen:?}");
        is_idle(guest, serving).await;
    });
}

#[test]
fn no_other_address_leads_to_the_hosts_loopback() {
    run(async {
        let any = TcpListener::bind("[::]:0").await.unwrap();
        let port = any.local_addr().unwrap().port();
        let (mut guest, serving) = guest(1500, None);
        let addresses = ["127.0.0.1", "127.1.2.3", "0.0.0.1", "198.19.87.1", "198.19.87.4", "fdbe:7268:7570::1"];
        for (address, from) in addresses.into_iter().zip(40_000..) {
            let handle = guest.connect(SocketAddr::new(address.parse().unwrap(), port), from);
            guest.until(address, |guest| guest.socket(handle).state() == State::Closed).await;
        }
        let seen = tokio::time::timeout(Duration::from_millis(50), any.accept()).await;
        assert!(seen.is_err(), "the host's listener was reached: {seen:?}");
        is_idle(guest, serving).await;
    });
}

#[test]
fn a_server_on_the_other_loopback_address_is_reached_too() {
    run(async {
        let (listener, SocketAddr::V6(target)) = listen("::1").await else { panic!("not IPv6") };
        server(listener, |all| all);
        let (mut guest, serving) = guest(1500, None);
        let handle = guest.connect((uplink::HOST, target.port()).into(), 40_000);
        assert_eq!(guest.talk(handle, b"hello").await, b"hello");
        is_idle(guest, serving).await;
    });
}

#[test]
fn the_end_of_one_direction_leaves_the_other_open() {
    run(async {
        let (listener, target) = listen("127.0.0.1").await;
        let (told, heard) = oneshot::channel();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The server ends first, and hears the guest out.
            stream.write_all(b"bye").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut all = vec![];
            stream.read_to_end(&mut all).await.unwrap();
            told.send(all).unwrap();
        });
        let (mut guest, serving) = guest(1500, None);
        let handle = guest.connect(target, 40_000);
        guest.until("the server's end", |guest| guest.socket(handle).state() == State::CloseWait).await;
        let there = vec![7; 200_000];
        assert_eq!(guest.talk(handle, &there).await, b"bye");
        assert!(heard.await.unwrap() == there);
        is_idle(guest, serving).await;
    });
}

#[test]
fn a_broken_connection_is_broken_at_the_other_end_too() {
    run(async {
        let (listener, target) = listen("127.0.0.1").await;
        let (mut guest, serving) = guest(1500, None);
        // The host breaks it.
        let (handle, stream) = connection(&mut guest, &listener, target, 40_000).await;
        stream.set_zero_linger().unwrap();
        drop(stream);
        guest.until("the host's reset", |guest| guest.socket(handle).state() == State::Closed).await;
        // The guest breaks it.
        let (handle, mut stream) = connection(&mut guest, &listener, target, 40_001).await;
        guest.socket(handle).abort();
        let read = tokio::spawn(async move { stream.read(&mut [0; 1]).await });
        guest.until("the guest's reset", |_| read.is_finished()).await;
        assert_eq!(read.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        is_idle(guest, serving).await;
    });
}

#[test]
fn a_side_that_does_not_read_stops_the_other() {
    run(async {
        let (listener, target) = listen("127.0.0.1").await;
        let (mut guest, serving) = guest(65_520, None);
        let (handle, mut stream) = connection(&mut guest, &listener, target, 40_000).await;
        // Towards the host.
        let chunk = vec![1; 64 << 10];
        let (mut sent, mut idle) = (0, 0);
        while idle < 300 {
            let socket = guest.socket(handle);
            let more = if socket.can_send() { socket.send_slice(&chunk).unwrap() } else { 0 };
            sent += more;
            idle = if more == 0 { idle + 1 } else { 0 };
            guest.exchange().await;
        }
        // What waits in the gateway, the guest and this system's own buffers.
        assert!((512 << 10..32 << 20).contains(&sent), "{sent} bytes were taken from the guest");
        // Towards the guest, which reads nothing until all is on its way.
        let mut written = 0;
        while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), async {
            tokio::select! {
                written = stream.write(&chunk) => written.unwrap(),
                () = async { loop { guest.exchange().await } } => 0,
            }
        })
        .await
        {
            written += more;
        }
        assert!((512 << 10..32 << 20).contains(&written), "{written} bytes were taken from the host");
        // Both go on.
        let reader = tokio::spawn(async move {
            let mut all = vec![0; sent];
            stream.read_exact(&mut all).await.unwrap();
            stream.shutdown().await.unwrap();
            // The guest's end.
            stream.read(&mut all).await.unwrap()
        });
        let back = guest.talk(handle, b"").await;
        assert_eq!((back.len(), reader.await.unwrap()), (written, 0));
        is_idle(guest, serving).await;
    });
}

#[test]
fn a_flow_outlives_its_link() {
    run(async {
        let (listener, target) = listen("127.0.0.1").await;
        let there: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
        server(listener, |mut all| {
            all.reverse();
            all
        });
        let (mut guest, mut serving) = guest(65_520, None);
        let handle = guest.connect(target, 40_000);
        let (mut sent, mut cuts) = (0, 0);
        while sent < there.len() {
            let socket = guest.socket(handle);
            if socket.can_send() {
                sent += socket.send_slice(&there[sent..]).unwrap();
            }
            guest.exchange().await;
            if sent > (cuts + 1) * (200 << 10) {
                cuts += 1;
                let (near, far) = pair();
                guest.plug_in(far);
                serving = serve(serving.await.unwrap(), near);
            }
        }
        let mut back = guest.talk(handle, b"").await;
        back.reverse();
        assert!(cuts > 10 && back == there, "{} bytes after {cuts} cuts", back.len());
        is_idle(guest, serving).await;
    });
}

#[test]
fn a_segment_of_no_connection_is_answered_with_a_reset() {
    run(async {
        let (listener, target) = listen("127.0.0.1").await;
        let (mut guest, serving) = guest(1500, None);
        let (handle, stream) = connection(&mut guest, &listener, target, 40_000).await;
        // Another gateway, that of the next boot, knows nothing of it.
        let (near, far) = pair();
        guest.plug_in(far);
        drop(serving.await.unwrap());
        let serving = serve(Gateway::new(Settings::default()), near);
        let seen = tokio::spawn(async move { TcpStream::into_std(stream).unwrap() });
        guest.socket(handle).send_slice(b"anybody?").unwrap();
        guest.until("a reset", |guest| guest.socket(handle).state() == State::Closed).await;
        drop(seen.await.unwrap());
        is_idle(guest, serving).await;
    });
}
