//! The test that every driver passes, so that whoever uses the port need not know which one runs.
//!
//! The guest must offer the services of [`guest`]; see there.

pub mod guest;

use crate::boot::Timeline;
use crate::connector::connect_when_listening;
use crate::{Channel, ConnectError, Connector, Driver, End, MachineSpec, ShutdownMode, Vm, VmState};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// How long anything here may take before the driver is held to hang. Generous: it may run on emulation.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks that `driver` keeps every promise of the port, with machines made from `spec`. The data disk of `spec` must
/// not exist yet.
///
/// # Panics
/// At the first promise that is broken.
#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
pub async fn check(driver: &dyn Driver, spec: MachineSpec) {
    assert!(!driver.name().is_empty());
    assert!(driver.acceleration().why().contains(' '), "the acceleration is explained in a sentence");
    assert!(!spec.disk.path.exists(), "the contract begins without a data disk");

    a_missing_kernel_is_a_failure_that_leaves_nothing(driver, &spec).await;

    let vm = boot(driver, &spec).await;
    let connector = vm.connector();
    streams_carry_bytes(&*vm).await;
    many_streams_at_once(&*vm).await;
    a_port_without_listener_refuses(&*connector).await;
    a_service_that_hangs_up_is_seen(&*vm).await;
    assert!(fs::metadata(&spec.console_log).unwrap().len() > 0, "the console is written to its file");

    disk_command(&*vm, &[b"w".as_slice(), b"remember me 1234"].concat(), 1).await;
    let size = disk_command(&*vm, b"s", 8).await;
    assert_eq!(u64::from_be_bytes(size.try_into().unwrap()), spec.disk.bytes, "the guest sees the disk's size");
    an_orderly_end_is_orderly(&*vm).await;
    the_dead_stay_dead(&*vm, &*connector).await;

    let vm = boot(driver, &spec).await;
    let kept = disk_command(&*vm, b"r", 16).await;
    assert_eq!(kept, b"remember me 1234", "the data disk survives");
    a_crash_is_noticed(&*vm).await;

    let vm = boot(driver, &spec).await;
    connect(&*vm, guest::ECHO).await;
    assert_eq!(vm.shutdown(ShutdownMode::Kill).await, End::Killed);
    let vm = boot(driver, &spec).await;
    let end = vm.shutdown(ShutdownMode::Expected { within: Duration::from_millis(50) }).await;
    assert_eq!(end, End::Killed, "a guest that does not power off in time is killed");
    let vm = boot(driver, &spec).await;
    let mut events = vm.events();
    drop(vm);
    let ended = timeout(PATIENCE, events.wait_for(|state| matches!(state, VmState::Ended(_)))).await;
    assert_eq!(*ended.unwrap().unwrap(), VmState::Ended(End::Killed), "a dropped machine is killed");
}

#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
async fn boot(driver: &dyn Driver, spec: &MachineSpec) -> Arc<dyn Vm> {
    let mut timeline = Timeline::new(|_| {});
    let vm = driver.boot(spec.clone(), &mut timeline).await.unwrap();
    assert_eq!(vm.state(), VmState::Running);
    assert!(!timeline.steps().is_empty());
    assert!(timeline.steps().iter().all(|step| step.took_micros.is_some() && step.failure.is_none()));
    vm
}

async fn a_missing_kernel_is_a_failure_that_leaves_nothing(driver: &dyn Driver, spec: &MachineSpec) {
    let mut broken = spec.clone();
    broken.kernel = spec.run_dir.join("no-such-kernel");
    let mut timeline = Timeline::new(|_| {});
    let Err(failure) = driver.boot(broken, &mut timeline).await else { panic!("booted without a kernel") };
    assert!(failure.to_string().contains("no-such-kernel"), "the failure names the file: {failure}");
    assert!(!failure.todo.is_empty());
    assert_eq!(timeline.steps().last().and_then(|step| step.failure.clone()), Some(failure));
}

async fn connect(vm: &dyn Vm, port: u32) -> Box<dyn Channel> {
    match connect_when_listening(&*vm.connector(), port, Instant::now() + PATIENCE).await {
        Ok(channel) => channel,
        Err(ConnectError::Gone) => {
            panic!("no connection to port {port}, since the machine ended: {:?}", vm.wait().await)
        }
        Err(error) => panic!("no connection to port {port}: {error}"),
    }
}

/// Sends a request, ends the writing side, and reads the answer to its end.
#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
async fn ask(mut channel: Box<dyn Channel>, request: Vec<u8>) -> Vec<u8> {
    let mut answer = vec![];
    timeout(PATIENCE, async {
        channel.write_all(&request).await.unwrap();
        channel.shutdown().await.unwrap();
        channel.read_to_end(&mut answer).await.unwrap();
    })
    .await
    .unwrap();
    answer
}

async fn streams_carry_bytes(vm: &dyn Vm) {
    // The first connection is asked for while the guest boots, and is queued.
    let greeting = ask(connect(vm, guest::ECHO).await, b"hello".into()).await;
    assert_eq!(greeting, b"hello", "what was written before a half-close comes back after it");
    assert_eq!(ask(connect(vm, guest::ECHO).await, vec![]).await, b"");

    let mut bytes = vec![0; 3 << 20];
    guest::pattern(0, &mut bytes);
    let digest = ask(connect(vm, guest::SINK).await, bytes.clone()).await;
    assert_eq!(digest, guest::digest(&bytes), "the guest receives every byte in order");

    let chunk = 1 << 20;
    let request = guest::source_request(bytes.len() as u64, chunk);
    let sent = ask(connect(vm, guest::SOURCE).await, request.to_vec()).await;
    assert!(sent == bytes, "large writes of the guest arrive whole and in order");
}

#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
async fn many_streams_at_once(vm: &dyn Vm) {
    let mut open = vec![];
    for _ in 0..50 {
        open.push(connect(vm, guest::ECHO).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (number, channel) in open.into_iter().enumerate() {
        tasks.spawn(async move {
            let request = format!("stream {number}").into_bytes();
            (request.clone(), ask(channel, request).await)
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (request, answer) = done.unwrap();
        assert_eq!(request, answer, "streams do not mix");
    }
}

async fn a_port_without_listener_refuses(connector: &dyn Connector) {
    let refused = connector.connect(guest::NOBODY, Instant::now() + PATIENCE).await;
    assert_eq!(refused.err(), Some(ConnectError::Refused { port: guest::NOBODY }));
}

#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
async fn a_service_that_hangs_up_is_seen(vm: &dyn Vm) {
    let mut channel = connect(vm, guest::HANG_UP).await;
    let mut rest = vec![];
    let end = timeout(PATIENCE, channel.read_to_end(&mut rest)).await.unwrap();
    assert!(end.is_err() || rest.is_empty());
    let write = timeout(PATIENCE, async {
        loop {
            channel.write_all(&[0; 4096]).await?;
            channel.flush().await?;
            tokio::task::yield_now().await;
        }
    });
    let broken: Result<std::convert::Infallible, std::io::Error> = write.await.unwrap();
    assert!(broken.is_err(), "a writer learns that nobody reads");
}

async fn disk_command(vm: &dyn Vm, command: &[u8], answer: usize) -> Vec<u8> {
    let got = ask(connect(vm, guest::DISK).await, command.to_vec()).await;
    assert_eq!(got.len(), answer, "the disk service answered {:?}", String::from_utf8_lossy(&got));
    got
}

#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
async fn an_orderly_end_is_orderly(vm: &dyn Vm) {
    let mut open = connect(vm, guest::ECHO).await;
    let mut events = vm.events();
    let shutdown = vm.shutdown(ShutdownMode::Expected { within: PATIENCE });
    let ask_guest = async {
        events.wait_for(|state| *state == VmState::Stopping).await.unwrap();
        drop(connect(vm, guest::POWER_OFF).await);
    };
    let (end, ()) = tokio::join!(shutdown, ask_guest);
    assert_eq!(end, End::Orderly);
    assert_eq!(vm.state(), VmState::Ended(End::Orderly));
    let mut rest = vec![];
    let end = timeout(PATIENCE, open.read_to_end(&mut rest)).await.unwrap();
    assert!(end.is_err() || rest.is_empty(), "open streams end with the machine");
}

async fn the_dead_stay_dead(vm: &dyn Vm, connector: &dyn Connector) {
    assert_eq!(vm.wait().await, End::Orderly);
    assert_eq!(vm.shutdown(ShutdownMode::Kill).await, End::Orderly, "an end is never rewritten");
    assert_eq!(vm.pid(), None);
    let gone = connector.connect(guest::ECHO, Instant::now() + PATIENCE).await;
    assert_eq!(gone.err(), Some(ConnectError::Gone));
}

#[allow(clippy::unwrap_used, reason = "this is a test; a panic is its way to fail")]
async fn a_crash_is_noticed(vm: &dyn Vm) {
    drop(connect(vm, guest::CRASH).await);
    let end = timeout(PATIENCE, vm.wait()).await.unwrap();
    let End::Crashed { console, .. } = &end else { panic!("a crash was taken for {end:?}") };
    assert!(!console.is_empty(), "a crash comes with the last lines of the console");
    assert!(end.failure().is_some());
}
