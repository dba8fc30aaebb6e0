//! Pull nginx, run it with a published port, read its page and its log, stop it, remove it: with `berth`, then with
//! the docker CLI.

use berth_tests::{Home, Registry, eventually, free_port, get};
use std::time::Duration;

fn page(port: u16) -> String {
    let url = format!("http://localhost:{port}/");
    let page =
        eventually("the page answers", Duration::from_secs(30), || get(&url).ok().filter(|page| page.status == 200));
    page.body
}

#[test]
fn with_berth() {
    let (registry, home) = (Registry::start(), Home::up());
    let (image, port) = (registry.image("nginx:latest"), free_port());

    let pulled = home.berth(&["pull", &image]);
    assert!(pulled.ok().contains(&image), "{pulled}");
    let images = home.berth(&["images"]);
    assert!(images.ok().lines().any(|line| line.contains("/nginx") && line.contains("latest")), "{images}");

    let id = home.berth(&["run", "-d", "--name", "web", "-p", &format!("{port}:80"), &image]).ok().to_owned();
    assert_eq!(id.len(), 64, "run -d prints the full id: {id}");
    assert!(page(port).contains("Welcome to nginx"));

    let listed = home.berth(&["ps"]);
    let row = listed.ok().lines().find(|line| line.ends_with("web")).expect("a row").to_owned();
    assert!(row.contains("Up ") && row.contains(&format!(":{port}->80/tcp")), "{row}");
    eventually("the request is in the log", Duration::from_secs(10), || {
        home.berth(&["logs", "web"]).stdout.contains("GET / HTTP/1.1").then_some(())
    });

    assert_eq!(home.berth(&["stop", "web"]).ok(), "web");
    assert!(get(&format!("http://localhost:{port}/")).is_err(), "a stopped container must not answer");
    assert!(!home.berth(&["ps"]).ok().contains("web"));
    assert!(home.berth(&["ps", "-a"]).ok().contains("Exited (0)"));
    assert_eq!(home.berth(&["start", "web"]).ok(), "web");
    assert!(page(port).contains("Welcome to nginx"));

    let refused = home.berth(&["rm", "web"]);
    assert!(refused.fails(1).contains("running"), "{refused}");
    assert_eq!(home.berth(&["rm", "-f", "web"]).ok(), "web");
    assert_eq!(home.berth(&["ps", "-aq"]).ok(), "");
    assert!(home.berth(&["rmi", &image]).ok().contains("Untagged:"));
    assert!(!home.berth(&["images"]).ok().contains("nginx"));
}

#[test]
fn with_the_docker_cli() {
    let (registry, home) = (Registry::start(), Home::up());
    let (image, port) = (registry.image("nginx:latest"), free_port());

    assert_eq!(home.docker(&["info", "--format", "{{.OSType}}"]).ok(), "linux");
    assert!(home.docker(&["version"]).ok().contains("Server:"));
    let pulled = home.docker(&["pull", &image]);
    assert!(pulled.ok().contains("Status: Downloaded newer image for"), "{pulled}");
    assert!(home.docker(&["pull", &image]).ok().contains("Image is up to date"));

    let id = home.docker(&["run", "-d", "--name", "web", "-p", &format!("{port}:80"), &image]).ok().to_owned();
    assert_eq!(id.len(), 64, "{id}");
    assert!(page(port).contains("Welcome to nginx"));
    let listed = home.docker(&["ps"]);
    assert!(listed.ok().contains(&format!(":{port}->80/tcp")), "{listed}");
    eventually("the request is in the log", Duration::from_secs(10), || {
        home.docker(&["logs", "web"]).stdout.contains("GET / HTTP/1.1").then_some(())
    });
    let inspected: serde_json::Value = serde_json::from_str(home.docker(&["inspect", "web"]).ok()).expect("JSON");
    assert_eq!(inspected[0]["State"]["Running"], true);
    assert_eq!(inspected[0]["Id"], id.as_str());

    assert_eq!(home.docker(&["stop", "web"]).ok(), "web");
    assert!(home.docker(&["ps", "-a"]).ok().contains("Exited (0)"));
    assert_eq!(home.docker(&["rm", "-f", "web"]).ok(), "web");
    assert!(home.docker(&["rmi", &image]).ok().contains("Untagged:"));
}

#[test]
fn in_the_foreground_with_a_volume() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    let run = |arguments: &[&str]| {
        home.docker(&[&["run", "--rm", "-v", "kept:/data", &image, "sh", "-c"], arguments].concat())
    };

    assert_eq!(run(&["echo one > /data/file; echo out; echo err >&2"]).ok(), "out");
    let read = run(&["cat /data/file; echo err >&2; exit 7"]);
    assert_eq!((read.fails(7), read.stdout.as_str()), ("err", "one\n"), "{read}");
    let berth = home.berth(&[
        "run",
        "--rm",
        "-v",
        "kept:/data",
        "-e",
        "GREETING=hello",
        &image,
        "sh",
        "-c",
        "echo $GREETING; exit 3",
    ]);
    assert_eq!((berth.fails(3), berth.stdout.as_str()), ("", "hello\n"), "{berth}");
    assert_eq!(home.docker(&["ps", "-aq"]).ok(), "", "--rm leaves nothing");
}

/// Docker's defaults, read from inside the first container on.
#[test]
fn a_container_is_isolated() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    let inside = |script: &str| home.docker(&["run", "--rm", &image, "sh", "-c", script]).ok().to_owned();

    let status = inside("cat /proc/self/status");
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    assert_eq!(field("CapEff:"), "00000000a80425fb", "docker's 14 capabilities");
    assert_eq!(field("CapBnd:"), "00000000a80425fb");
    assert_eq!(field("Seccomp:"), "2");
    assert_eq!(inside("ls /proc/self/fd | wc -l"), "4", "0, 1, 2 and the one that ls reads with");
    assert_eq!(inside("cat /proc/1/comm; echo /proc/[0-9]*"), "sh\n/proc/1", "itself and no others");
    assert_eq!(inside("cat /proc/self/cgroup"), "0::/");
    assert_eq!(inside("wc -c < /proc/kcore; (echo 1 > /proc/sys/vm/drop_caches) 2>&1 | grep -c 'Read-only'"), "0\n1");
    assert_eq!(inside("ls /sys/firmware | wc -l"), "0");
}
