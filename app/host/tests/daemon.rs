//! berthd whole: its socket, its machine, its ports, with a guest made of functions.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

mod engine;

use berth_api::{Code, MachineState, StepState, machine::STOPPED_TEXT};
use berth_protocol::publish::{Ask, Outcome};
use engine::{Berthd, Guest, publication};
use futures_util::StreamExt;
use std::{pin::pin, sync::atomic::Ordering, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GET_HELLO: &str = "GET /hello HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";

async fn wait_for(berthd: &Berthd, state: MachineState) -> berth_api::MachineStatus {
    let mut events = pin!(berthd.client.events().await.unwrap());
    loop {
        let status = events.next().await.expect("berthd lives").unwrap();
        if status.state == state {
            return status;
        }
    }
}

#[tokio::test]
async fn a_machine_starts_step_by_step_serves_its_engine_and_stops_in_order() {
    let guest = Guest::new();
    let berthd = Berthd::start(guest.driver()).await;
    let answer = berthd.raw(GET_HELLO).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(STOPPED_TEXT), "{answer}");

    let mut seen = Vec::new();
    let status = berthd.client.ensure_running(|status| seen.push(status.state)).await.unwrap();
    assert!(seen.contains(&MachineState::Starting));
    assert_eq!(status.state, MachineState::Running);
    let names: Vec<_> = status.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names[..2], ["image", "hypervisor"]);
    assert!(names.contains(&"kernel") && names.contains(&"engine") && names.contains(&"guest-disk"), "{names:?}");
    assert!(status.steps.iter().all(|step| step.state == StepState::Done && step.millis.is_some()));
    assert_eq!(status.engine_version.as_deref(), Some("0.1.0-test"));
    assert_eq!(status.kernel.as_deref(), Some("6.12.0-test"));
    assert!(status.boot_millis.is_some() && status.acceleration.is_some());

    assert!(berthd.raw(GET_HELLO).await.ends_with("hello from the guest"));
    let mut console = pin!(berthd.client.console(false).await.unwrap());
    assert_eq!(console.next().await.unwrap().unwrap(), "the fake guest is up\n");

    let stopped = berthd.client.stop().await.unwrap();
    assert_eq!(stopped.state, MachineState::Stopped);
    assert!(guest.told_to_end.load(Ordering::SeqCst));
    assert!(berthd.raw(GET_HELLO).await.contains(STOPPED_TEXT));
}

#[tokio::test]
async fn a_connection_taken_over_by_the_engine_passes_bytes_and_half_closes() {
    let berthd = Berthd::start(Guest::new().driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let request = "POST /upgrade HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    let mut stream = berth_api::local::connect(&berthd.home).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(b"typed before the answer, ").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"and after").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "TYPED BEFORE THE ANSWER, AND AFTER");
}

#[tokio::test]
async fn a_request_during_the_start_waits_for_the_engine() {
    let guest = Guest::new();
    guest.engine_up.send_replace(false);
    let berthd = Berthd::start(guest.driver()).await;
    berthd.client.start().await.unwrap();
    let (answer, ()) = tokio::join!(berthd.raw(GET_HELLO), async {
        assert_eq!(berthd.client.status().await.unwrap().state, MachineState::Starting);
        guest.engine_up.send_replace(true);
    });
    assert!(answer.ends_with("hello from the guest"), "{answer}");
}

#[tokio::test]
async fn a_failed_step_of_the_guest_fails_the_start_with_what_to_do() {
    let guest = Guest::new();
    guest.engine_up.send_replace(false);
    guest.report.lock().unwrap().steps[1].error = Some("/dev/vda holds no ext4".into());
    let berthd = Berthd::start(guest.driver()).await;
    let problem = berthd.client.ensure_running(|_| {}).await.unwrap_err().problem();
    assert!(problem.message.contains("/dev/vda holds no ext4"), "{problem:?}");
    assert!(problem.hint.unwrap().contains("berth logs"));
    let status = berthd.client.status().await.unwrap();
    assert_eq!(status.state, MachineState::Failed);
    assert_eq!(status.steps.last().unwrap().state, StepState::Failed);
    assert!(berthd.raw(GET_HELLO).await.contains("the Berth machine has failed"));
}

#[tokio::test]
async fn a_damaged_guest_image_is_not_booted() {
    let berthd = Berthd::start(Guest::new().driver()).await;
    let image = berthd.home.root().parent().unwrap().join("initramfs.zst");
    std::fs::write(image, b"x").unwrap();
    let problem = berthd.client.ensure_running(|_| {}).await.unwrap_err().problem();
    assert_eq!(problem.code, Code::GuestImageDamaged);
}

#[tokio::test]
async fn a_machine_that_dies_is_shown_as_failed_with_its_last_words_and_starts_again() {
    let guest = Guest::new();
    let berthd = Berthd::start(guest.driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let outcome = guest.ask(Ask::Publish(vec![publication("c1", 0)])).await;
    assert!(matches!(outcome, Outcome::Published(_)), "{outcome:?}");

    let context = guest.context.lock().unwrap().clone().unwrap();
    context.crash("Kernel panic - not syncing");
    let status = wait_for(&berthd, MachineState::Failed).await;
    assert!(status.error.unwrap().message.contains("Kernel panic"));
    assert!(berthd.client.ports().await.unwrap().is_empty());

    let status = berthd.client.ensure_running(|_| {}).await.unwrap();
    assert_eq!((status.state, status.error), (MachineState::Running, None));
    assert!(berthd.raw(GET_HELLO).await.ends_with("hello from the guest"));
}

#[tokio::test]
async fn published_ports_reach_their_container_until_they_are_withdrawn() {
    let guest = Guest::new();
    let berthd = Berthd::start(guest.driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let Outcome::Published(addresses) = guest.ask(Ask::Publish(vec![publication("c1", 0)])).await else {
        panic!("refused")
    };
    let port = addresses[0][0].port();
    let row = berthd.client.ports().await.unwrap().remove(0);
    assert_eq!((row.host_port, row.name.as_str()), (port, "name-of-c1"));
    assert_eq!(row.url, format!("http://localhost:{port}"));

    let mut page = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    page.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    page.shutdown().await.unwrap();
    let mut text = String::new();
    page.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("container at 172.17.0.2:80"), "{text}");

    let refused = guest.ask(Ask::Publish(vec![publication("c2", port)])).await;
    let Outcome::Refused { why } = refused else { panic!("{refused:?}") };
    assert_eq!(why, format!("Bind for 127.0.0.1:{port} failed: port is already allocated"));

    assert_eq!(guest.ask(Ask::Withdraw { container: "c1".into() }).await, Outcome::Done);
    assert!(berthd.client.ports().await.unwrap().is_empty());
}

#[tokio::test]
async fn shutdown_stops_the_machine_ends_berthd_and_leaves_no_socket() {
    let guest = Guest::new();
    let berthd = Berthd::start(guest.driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let (client, home) = (berthd.client.clone(), berthd.home.clone());
    let told = tokio::spawn(async move { client.shutdown().await });
    tokio::time::timeout(Duration::from_secs(10), berthd.run).await.unwrap().unwrap().unwrap();
    assert!(!told.is_finished(), "who asked waits until berthd is gone");
    drop(berthd.instance);
    told.await.unwrap().unwrap();
    assert!(guest.told_to_end.load(Ordering::SeqCst));
    assert!(!home.socket().exists());
    assert_eq!(berthd.client.status().await.unwrap().state, MachineState::Stopped);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_start_leaves_a_machine_that_starts() {
    let guest = Guest::new();
    guest.engine_up.send_replace(false);
    let berthd = Berthd::start(guest.driver()).await;
    berthd.client.start().await.unwrap();
    assert_eq!(berthd.client.stop().await.unwrap().state, MachineState::Stopped);
    guest.engine_up.send_replace(true);
    assert_eq!(berthd.client.ensure_running(|_| {}).await.unwrap().state, MachineState::Running);
}

#[tokio::test]
async fn each_boot_has_its_own_secret_and_the_hosts_clock() {
    let guest = Guest::new();
    let berthd = Berthd::start(guest.driver()).await;
    let mut configs = Vec::new();
    for _ in 0..2 {
        berthd.client.ensure_running(|_| {}).await.unwrap();
        let context = guest.context.lock().unwrap().clone().unwrap();
        configs.push(engine::boot_config(&context));
        berthd.client.stop().await.unwrap();
    }
    assert_ne!(configs[0].secret, configs[1].secret);
    let age = berth_host::guest::clock::unix_nanos() - configs[1].clock_unix_nanos;
    assert!(age < 60_000_000_000, "{age}");
}
