//! Whatever is killed, `berth up` finds containers and images as they were.

use berth_tests::{Home, Registry, eventually, free_port, get};
use std::time::Duration;

/// A home with an image, a stopped container and a running one.
fn furnished(registry: &Registry) -> (Home, u16) {
    let (home, port) = (Home::up(), free_port());
    let (web, box_) = (registry.image("web:latest"), registry.image("busybox:latest"));
    home.berth(&["run", "-d", "--name", "running", "-p", &format!("{port}:80"), &web]).ok();
    let stopped = home.berth(&["run", "--name", "stopped", &box_, "sh", "-c", "echo kept; exit 5"]);
    assert_eq!(stopped.code, Some(5), "{stopped}");
    eventually("the page answers", Duration::from_secs(30), || get(&format!("http://localhost:{port}/")).ok());
    (home, port)
}

/// Everything is listed as it was, and the container runs again.
fn all_there(home: &Home, port: u16) {
    let listed = home.berth(&["ps", "-a"]);
    let rows: Vec<_> = listed.ok().lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{listed}");
    assert!(rows.iter().any(|row| row.contains("stopped") && row.contains("Exited (5)")), "{listed}");
    assert_eq!(home.berth(&["logs", "stopped"]).ok(), "kept");
    let images = home.berth(&["images"]);
    assert!(images.ok().contains("/web") && images.ok().contains("/busybox"), "{images}");
    home.berth(&["start", "running"]).ok();
    eventually("the page answers again", Duration::from_secs(30), || get(&format!("http://localhost:{port}/")).ok());
}

#[test]
fn the_daemon_is_killed() {
    let registry = Registry::start();
    let (home, port) = furnished(&registry);
    let vm = home.vm().expect("a VM");
    Home::crash(home.daemon().expect("a daemon"));
    eventually("the VM ends with its daemon", Duration::from_secs(10), || {
        (!std::path::Path::new(&format!("/proc/{vm}")).exists()).then_some(())
    });
    home.berth(&["up"]).ok();
    all_there(&home, port);
}

#[test]
fn the_vm_is_killed() {
    let registry = Registry::start();
    let (home, port) = furnished(&registry);
    Home::crash(home.vm().expect("a VM"));
    let status = eventually("the crash is noticed", Duration::from_secs(10), || {
        Some(home.status()).filter(|s| s["state"] == "failed")
    });
    assert!(status["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{status}");
    let refused = home.berth(&["ps"]);
    assert!(refused.fails(1).contains("berth up"), "{refused}");
    home.berth(&["up"]).ok();
    all_there(&home, port);
}

#[test]
fn down_and_up_again() {
    let registry = Registry::start();
    let (home, port) = furnished(&registry);
    home.berth(&["down"]).ok();
    assert!(home.daemon().is_none(), "`berth down` ends the daemon");
    home.berth(&["up"]).ok();
    all_there(&home, port);
}

#[test]
fn killed_while_pulling() {
    let registry = Registry::start();
    let home = Home::up();
    let image = registry.image("python3:latest");
    let mut pull = home.berth_command(&["pull", &image]).stdout(std::process::Stdio::null()).spawn().expect("a pull");
    std::thread::sleep(Duration::from_millis(1500));
    Home::crash(home.vm().expect("a VM"));
    let ended = pull.wait().expect("it ends");
    home.berth(&["up"]).ok();
    if !ended.success() {
        assert!(!home.berth(&["images"]).ok().contains("python3"), "an interrupted pull must leave no image");
    }
    home.berth(&["pull", &image]).ok();
    assert_eq!(home.berth(&["run", "--rm", &image, "python3", "-c", "print(6*7)"]).ok(), "42");
}

#[test]
fn power_is_cut_at_any_moment_of_a_pull() {
    let cuts = std::env::var("BERTH_TEST_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(3_u64);
    let registry = Registry::start();
    let home = Home::up();
    let image = registry.image("python3:latest");
    let mut whole = 0;
    for cut in 1..=cuts {
        let pull = home.berth_command(&["pull", "-q", &image]).stdout(std::process::Stdio::null()).spawn();
        let mut pull = pull.expect("a pull");
        std::thread::sleep(Duration::from_millis(300 + cut * 7919 % 6000));
        Home::crash(home.vm().expect("a VM"));
        let promised = pull.wait().expect("it ends").success();
        home.berth(&["up"]).ok();
        let listed = home.berth(&["images"]).ok().contains("python3");
        assert!(listed || !promised, "cut {cut}: the pull had returned");
        let checked = home.berth(&["doctor", "--images"]);
        assert!(checked.ok().ends_with("all is as it was stored"), "cut {cut}: {checked}");
        if listed {
            whole += 1;
            assert_eq!(home.berth(&["run", "--rm", &image, "python3", "-c", "print(6*7)"]).ok(), "42");
            home.berth(&["rmi", &image]).ok();
        }
    }
    println!("{cuts} cuts, {whole} of them after the pull");
}
