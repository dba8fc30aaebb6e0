//! berthd whole: its socket, its machine, its ports, with a guest made of functions.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

mod engine;

use berth_api::{Code, MachineState, PortHealth, SharePorts, StepState, machine::STOPPED_TEXT};
use berth_protocol::publish::{Ask, Outcome, Publication, Transport};
use engine::{Berthd, Guest, publication};
use futures_util::StreamExt;
use std::{pin::pin, sync::atomic::Ordering, time::Duration};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

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
async fn a_port_is_opened_at_a_word_which_the_engine_learns_and_the_settings_keep() {
    let guest = Guest::new();
    let berthd = Berthd::start(guest.driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let mut seen = pin!(berthd.client.port_events().await.unwrap());
    assert!(seen.next().await.unwrap().unwrap().is_empty());
    let Outcome::Published(addresses) = guest.ask(Ask::Publish(vec![publication("c1", 0)])).await else {
        panic!("refused")
    };
    let port = addresses[0][0].port();
    let wish = |port: &str, on| SharePorts { port: Some(port.to_owned()), on };
    let row = berthd.client.share_ports(&wish(&port.to_string(), true)).await.unwrap().remove(0);
    assert_eq!((row.host_ips[0].as_str(), row.shared, row.health), ("0.0.0.0", true, PortHealth::Listening));
    while !seen.next().await.unwrap().unwrap().iter().any(|row| row.shared) {}
    let settings = berth_host::settings::Settings::load(&berthd.home).unwrap();
    assert_eq!((settings.sharing().ports.len(), settings.disk_bytes), (1, 1 << 20));

    // The host's next answer comes behind what it had to say before.
    assert_eq!(guest.ask(Ask::Withdraw { container: "nobody".into() }).await, Outcome::Done);
    let moved = guest.moved.lock().unwrap().clone();
    assert!(moved.iter().any(|moved| moved.addresses.iter().any(|at| at.ip().is_unspecified())), "{moved:?}");

    let given = Publication { host_ip: Some([127, 0, 0, 1].into()), ..publication("c2", 0) };
    let Outcome::Published(addresses) = guest.ask(Ask::Publish(vec![given])).await else { panic!("refused") };
    let refused = berthd.client.share_ports(&wish(&addresses[0][0].port().to_string(), true)).await.unwrap_err();
    assert_eq!(refused.problem().code, Code::Conflict);
    assert!(refused.to_string().ends_with("listens at 127.0.0.1, which was given when it was published"));
    let refused = berthd.client.share_ports(&wish("web", true)).await.unwrap_err();
    assert_eq!(refused.to_string(), "\"web\" is no port; write 8080, 8080/tcp or 53/udp");
}

#[tokio::test]
async fn after_a_kill_the_next_berthd_has_the_ports_within_a_second_and_no_flow_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_berthd_that_will_be_killed", "--ignored", "--nocapture"])
        .env("BERTH_TEST_FOLDER", folder.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(killed.stdout.take().unwrap()).lines();
    let port: u16 = loop {
        let line = lines.next_line().await.unwrap().expect("it says its port");
        if let Some(port) = line.strip_prefix("port ") {
            break port.parse().unwrap();
        }
    };
    let mut flow = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut page = [0; 15];
    flow.read_exact(&mut page).await.unwrap();
    killed.kill().await.unwrap();
    let mut rest = Vec::new();
    // Ended or reset: the client is not left waiting.
    drop(tokio::time::timeout(Duration::from_secs(1), flow.read_to_end(&mut rest)).await.expect("the flow ends"));

    let guest = Guest::new();
    let berthd = Berthd::start_in(folder.path(), guest.driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let from = std::time::Instant::now();
    let udp = Publication { transport: Transport::Udp, ..publication("c1", port) };
    let asked = guest.ask(Ask::Resync(vec![publication("c1", port), udp])).await;
    let took = from.elapsed();
    let Outcome::Published(addresses) = asked else { panic!("{asked:?}") };
    assert!(addresses.iter().all(|addresses| addresses.iter().any(|at| at.port() == port)), "{addresses:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(berthd.client.ports().await.unwrap().iter().all(|row| row.health == PortHealth::Listening));
    let mut flow = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    flow.read_exact(&mut page).await.unwrap();
}

/// Not a test: what the test above kills.
#[tokio::test]
#[ignore = "run by a test as another process"]
async fn a_berthd_that_will_be_killed() {
    let folder = std::path::PathBuf::from(std::env::var_os("BERTH_TEST_FOLDER").unwrap());
    let guest = Guest::new();
    let berthd = Berthd::start_in(&folder, guest.driver()).await;
    berthd.client.ensure_running(|_| {}).await.unwrap();
    let tcp = guest.ask(Ask::Publish(vec![publication("c1", 0)])).await;
    let Outcome::Published(addresses) = tcp else { panic!("{tcp:?}") };
    let port = addresses[0][0].port();
    let udp = Publication { transport: Transport::Udp, ..publication("c1", port) };
    assert!(matches!(guest.ask(Ask::Publish(vec![udp])).await, Outcome::Published(_)));
    println!("\nport {port}");
    std::future::pending::<()>().await;
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
