//! Streams between the host and a real Linux guest: many, large, cut and stalled, with their figures.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod fixture;

use berth_machine::boot::Timeline;
use berth_machine::connector::connect_when_listening;
use berth_machine::contract::guest;
use berth_machine::{Channel, Connector, Driver, ShutdownMode, VmState};
use berth_machine_qemu::QemuDriver;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const MIB: usize = 1 << 20;
const LARGE: usize = 64 * MIB;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_hold_under_load() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let driver = QemuDriver::detect();
    let began = Instant::now();
    let vm = driver.boot(fixture::spec(dir.path()), &mut Timeline::new(|_| {})).await.expect("booted");
    let guest = vm.connector();
    let all = async {
        // Dialled long before the guest has a driver for the device.
        assert_eq!(ask(connect(&guest, guest::ECHO).await, b"up?".into()).await, b"up?");
        println!("first echo after {:?}", began.elapsed());
        latency(&guest).await;
        speed(&guest).await;
        inward(&guest).await;
        outward(&guest, 64 << 10).await;
        outward(&guest, MIB).await;
        both_ways(&guest).await;
        connections(&guest).await;
        many_at_once(&guest, 200).await;
        many_at_once(&guest, 1000).await;
        a_reader_that_stops_holds_up_nobody_else(&guest).await;
        a_stream_dropped_in_the_middle_leaves_the_rest_alone(&guest).await;
    };
    timeout(Duration::from_secs(400), all).await.expect("no stream hangs");

    let mut open = connect(&guest, guest::ECHO).await;
    open.write_all(b"x").await.expect("written");
    vm.shutdown(ShutdownMode::Kill).await;
    assert!(matches!(vm.state(), VmState::Ended(_)));
    let mut rest = vec![];
    let end = timeout(PATIENCE, open.read_to_end(&mut rest)).await.expect("a stream of a dead guest ends");
    assert!(end.is_err() || rest == b"x", "it ends with an error or what was echoed, not in silence");
}

async fn connect(connector: &Arc<dyn Connector>, port: u32) -> Box<dyn Channel> {
    connect_when_listening(&**connector, port, Instant::now() + PATIENCE).await.expect("connected")
}

async fn ask(mut channel: Box<dyn Channel>, request: Vec<u8>) -> Vec<u8> {
    channel.write_all(&request).await.expect("written");
    channel.shutdown().await.expect("half-closed");
    let mut answer = vec![];
    channel.read_to_end(&mut answer).await.expect("read");
    answer
}

async fn latency(connector: &Arc<dyn Connector>) {
    let mut channel = connect(connector, guest::ECHO).await;
    let mut times = vec![];
    for round in 0..2000u32 {
        let began = Instant::now();
        channel.write_all(&round.to_be_bytes()).await.expect("written");
        assert_eq!(channel.read_u32().await.expect("read"), round);
        times.push(began.elapsed());
    }
    times.sort();
    println!("echo of 4 bytes: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
}

fn rate(bytes: usize, began: Instant) -> f64 {
    bytes as f64 / 1e6 / began.elapsed().as_secs_f64()
}

/// Bytes alone, without what making and digesting them costs a guest under emulation.
async fn speed(connector: &Arc<dyn Connector>) {
    let mut channel = connect(connector, guest::DISCARD).await;
    let mut buffer = vec![7; 256 << 10];
    let total = 4 * LARGE;
    let began = Instant::now();
    for _ in 0..total / buffer.len() {
        channel.write_all(&buffer).await.expect("written");
    }
    assert_eq!(ask(channel, vec![]).await, (total as u64).to_be_bytes());
    println!("host to guest: {:.0} MB/s", rate(total, began));
    for chunk in [64 << 10, MIB] {
        let mut channel = connect(connector, guest::FLOOD).await;
        channel.write_all(&guest::source_request(total as u64, chunk as u32)).await.expect("written");
        let began = Instant::now();
        let mut got = 0;
        while got < total {
            got += channel.read(&mut buffer).await.expect("read");
        }
        println!("guest to host in writes of {} KiB: {:.0} MB/s", chunk >> 10, rate(got, began));
    }
}

async fn inward(connector: &Arc<dyn Connector>) {
    let mut bytes = vec![0; LARGE];
    guest::pattern(0, &mut bytes);
    let digest = guest::digest(&bytes);
    let channel = connect(connector, guest::SINK).await;
    let began = Instant::now();
    assert_eq!(ask(channel, bytes).await, digest, "the guest received every byte in order");
    println!("host to guest with SHA-256 there: {:.0} MB/s", rate(LARGE, began));
}

async fn outward(connector: &Arc<dyn Connector>, chunk: usize) {
    let mut expected = vec![0; LARGE];
    guest::pattern(0, &mut expected);
    let mut channel = connect(connector, guest::SOURCE).await;
    let request = guest::source_request(LARGE as u64, chunk as u32);
    channel.write_all(&request).await.expect("written");
    let began = Instant::now();
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        match channel.read(&mut buffer).await.expect("read") {
            0 => break,
            got => {
                digest.update(&buffer[..got]);
                total += got;
            }
        }
    }
    println!("guest to host in writes of {} KiB, made and digested: {:.0} MB/s", chunk >> 10, rate(total, began));
    assert_eq!(<[u8; 32]>::from(digest.finalize()), guest::digest(&expected), "every byte in order");
}

/// One stream carrying 64 MiB in each direction at the same time.
async fn both_ways(connector: &Arc<dyn Connector>) {
    let mut bytes = vec![0; LARGE];
    guest::pattern(77, &mut bytes);
    let digest = guest::digest(&bytes);
    let (mut from, mut to) = tokio::io::split(connect(connector, guest::ECHO).await);
    let began = Instant::now();
    let writer = tokio::spawn(async move {
        to.write_all(&bytes).await.expect("written");
        to.shutdown().await.expect("half-closed");
    });
    let mut echoed = vec![];
    from.read_to_end(&mut echoed).await.expect("read");
    writer.await.expect("written");
    println!("echo of 64 MiB: {:.0} MB/s each way", rate(LARGE, began));
    assert_eq!(guest::digest(&echoed), digest);
}

async fn connections(connector: &Arc<dyn Connector>) {
    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(ask(connect(connector, guest::ECHO).await, b"hi".into()).await, b"hi");
    }
    println!("connect, ask, close: {:.0} per second", 200.0 / began.elapsed().as_secs_f64());
}

async fn many_at_once(connector: &Arc<dyn Connector>, count: usize) {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let connector = Arc::clone(connector);
        tasks.spawn(async move {
            let mut bytes = vec![0; 20_000];
            guest::pattern(number as u64 * 1000, &mut bytes);
            let mut channel = connect(&connector, guest::ECHO).await;
            let mut answer = vec![0; bytes.len()];
            channel.write_all(&bytes).await.expect("written");
            channel.read_exact(&mut answer).await.expect("read");
            assert!(answer == bytes, "streams do not mix");
            channel
        });
    }
    let open = tasks.join_all().await;
    println!("{count} streams at once, 20 kB each way: {:?}", began.elapsed());
    assert_eq!(open.len(), count, "all were open together");
}

async fn a_reader_that_stops_holds_up_nobody_else(connector: &Arc<dyn Connector>) {
    let mut stalled = connect(connector, guest::SOURCE).await;
    let total = 8 * MIB;
    stalled.write_all(&guest::source_request(total as u64, MIB as u32)).await.expect("written");
    // The guest fills what it may and waits; others go on.
    for _ in 0..50 {
        assert_eq!(ask(connect(connector, guest::ECHO).await, b"and you?".into()).await, b"and you?");
    }
    let mut expected = vec![0; total];
    guest::pattern(0, &mut expected);
    let mut got = vec![];
    stalled.read_to_end(&mut got).await.expect("read");
    assert!(got == expected, "a stream that stalled goes on where it was");
}

async fn a_stream_dropped_in_the_middle_leaves_the_rest_alone(connector: &Arc<dyn Connector>) {
    for _ in 0..50 {
        let mut channel = connect(connector, guest::SOURCE).await;
        channel.write_all(&guest::source_request(LARGE as u64, MIB as u32)).await.expect("written");
        channel.read_exact(&mut [0; 1000]).await.expect("read");
    }
    assert_eq!(ask(connect(connector, guest::ECHO).await, b"still here".into()).await, b"still here");
}
