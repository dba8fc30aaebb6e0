//! Containers whose users are others than the machine's, as a user sees them: in one machine whose engine gives every
//! container its own unless told otherwise.

use berth_tests::{Home, Ran, Registry, eventually, free_port, get};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn machine(image: &str) -> Home {
    let home = Home::new();
    std::fs::write(home.path().join("daemon.json"), r#"{"userns-remap": "default"}"#).expect("write");
    home.berth(&["up"]).ok();
    home.berth(&["pull", image]).ok();
    home
}

/// What is printed in a new container of each command line.
fn each(home: &Home, options: &[&str], image: &str, script: &str) -> [Ran; 2] {
    let words = [&["run", "--rm"], options, &[image, "sh", "-c", script]].concat();
    [home.docker(&words), home.berth(&words)]
}

#[test]
fn root_in_a_container_is_nobody_on_the_machine() {
    let registry = Registry::start();
    let image = registry.image("busybox:latest");
    let home = machine(&image);
    let info = home.docker(&["info", "--format", "{{.SecurityOptions}}"]);
    assert!(info.ok().contains("name=userns"), "{info}");
    it_sees_its_own_ids_and_the_machine_does_not(&home, &image);
    everything_that_is_done_to_a_container_works(&home, &image);
    what_is_shared_is_shared_with_its_users(&home, &image);
    limits_above_the_engines_own_are_given(&home, &image);
    refusals_are_dockers(&home, &image);
}

fn it_sees_its_own_ids_and_the_machine_does_not(home: &Home, image: &str) {
    let script = "cat /proc/self/uid_map; stat -c '%u %g' /bin/busybox /etc/hosts /v /root; echo x > /v/$(hostname)
        cat /proc/sys/net/ipv4/ip_default_ttl; ping -c 1 -w 9 172.17.0.1 > /dev/null && echo reached
        mount -t tmpfs x /mnt 2>&1; echo 1 > /sys/kernel/mm/ksm/run";
    let options = ["-v", "data:/v", "--sysctl", "net.ipv4.ip_default_ttl=77"];
    for ran in each(home, &options, image, script) {
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let map: Vec<u64> = lines[0].split_ascii_whitespace().map(|word| word.parse().expect("a number")).collect();
        assert!(map[0] == 0 && map[1] >= 524_288 && map[1].is_multiple_of(65_536) && map[2] == 65_536, "{ran}");
        assert_eq!(lines[1..7], ["0 0", "0 0", "0 0", "0 0", "77", "reached"], "{ran}");
        assert!(ran.stdout.contains("permission denied") || ran.stdout.contains("Operation not permitted"), "{ran}");
    }
    // One with the machine's own users finds plain ids in the volume, and sees who the others are.
    home.berth(&["run", "-d", "--name", "box", image, "sleep", "3600"]).ok();
    home.berth(&["run", "-d", "--name", "other", "--userns", "auto", image, "sleep", "3601"]).ok();
    let script = "cat /proc/self/uid_map; stat -c '%u %g' /v/*
        for pid in $(pidof sleep); do echo $(cat /proc/$pid/cmdline) $(awk '/^Uid/ { print $2 }' /proc/$pid/status); done";
    for ran in each(home, &["--userns", "host", "--pid", "host", "-v", "data:/v"], image, script) {
        let lines: Vec<&str> = ran.ok().lines().collect();
        assert_eq!(lines[0].split_ascii_whitespace().collect::<Vec<_>>(), ["0", "0", "4294967295"], "{ran}");
        assert_eq!(lines[1..3], ["0 0", "0 0"], "{ran}");
        let owner = |what: &str| {
            let line = lines.iter().find(|line| line.starts_with(what)).unwrap_or_else(|| panic!("no {what}: {ran}"));
            line.rsplit(' ').next().and_then(|word| word.parse::<u32>().ok()).expect("an id")
        };
        let (one, two) = (owner("sleep3600"), owner("sleep3601"));
        assert!(one >= 524_288 && two >= 524_288 && one.abs_diff(two) >= 65_536, "{ran}");
    }
    home.berth(&["rm", "-f", "other"]).ok();
    assert_eq!(home.docker(&["inspect", "-f", "{{.HostConfig.UsernsMode}}", "box"]).ok(), "");
    home.berth(&["rm", "-f", "box"]).ok();
    home.berth(&["create", "--name", "box", "--userns", "auto", image, "true"]).ok();
    assert_eq!(home.docker(&["inspect", "-f", "{{.HostConfig.UsernsMode}}", "box"]).ok(), "auto");
    home.berth(&["rm", "box"]).ok();
}

fn everything_that_is_done_to_a_container_works(home: &Home, image: &str) {
    let port = free_port();
    let script = "mkdir /www; echo hello > /www/index.html; chown 33:44 /www/index.html; exec httpd -f -p 80 -h /www";
    let published = format!("127.0.0.1:{port}:80");
    let run = ["run", "-d", "--name", "web", "-p", &published, "--health-cmd", "test $(id -u) = 0"];
    home.docker(&[&run[..], &["--health-interval", "1s", image, "sh", "-c", script]].concat()).ok();
    let page = || get(&format!("http://127.0.0.1:{port}/")).ok().filter(|page| page.status == 200);
    let answers = || assert_eq!(eventually("the page", PATIENCE, page).body.trim(), "hello");
    answers();
    eventually("health", PATIENCE, || {
        let shown = home.docker(&["inspect", "-f", "{{.State.Health.Status}}", "web"]);
        (shown.ok() == "healthy").then_some(())
    });
    let path = |name: &str| home.path().join(name).to_str().expect("UTF-8").to_owned();
    for (name, exec, copy) in [
        (
            "docker",
            home.docker(&["exec", "-u", "33", "web", "id", "-u"]),
            home.docker(&["cp", "web:/www", &path("docker")]),
        ),
        (
            "berth",
            home.berth(&["exec", "-u", "33", "web", "id", "-u"]),
            home.berth(&["cp", "web:/www", &path("berth")]),
        ),
    ] {
        assert_eq!(exec.ok(), "33");
        copy.ok();
        assert_eq!(std::fs::read_to_string(path(name) + "/index.html").expect("read").trim(), "hello");
        std::fs::write(path("in.txt"), name).expect("write");
        let target = format!("web:/www/{name}.txt");
        let words = ["cp", &path("in.txt"), &target];
        if name == "docker" { home.docker(&words) } else { home.berth(&words) }.ok();
        assert_eq!(home.docker(&["exec", "web", "cat", &format!("/www/{name}.txt")]).ok(), name);
    }
    assert!(home.docker(&["top", "web"]).ok().contains("httpd"));
    assert!(home.docker(&["stats", "--no-stream", "--format", "{{.PIDs}}", "web"]).ok() != "0");
    home.docker(&["update", "--memory", "64m", "--memory-swap", "64m", "web"]).ok();
    assert!(home.berth(&["diff", "web"]).ok().contains("A /www/berth.txt"));
    home.docker(&["commit", "web", "of-web:1"]).ok();
    for ran in each(home, &["--userns", "host"], "of-web:1", "stat -c '%u %g' /www/index.html /www") {
        assert_eq!(ran.ok(), "33 44\n0 0");
    }
    home.docker(&["restart", "-t", "0", "web"]).ok();
    answers();
    home.docker(&["rm", "-f", "web"]).ok();
}

fn what_is_shared_is_shared_with_its_users(home: &Home, image: &str) {
    let donor = ["run", "-d", "--name", "donor", "--ipc", "shareable", image, "sleep", "3600"];
    home.berth(&donor).ok();
    let options = ["--network", "container:donor", "--pid", "container:donor", "--ipc", "container:donor"];
    let script = "readlink /proc/self/ns/user; readlink /proc/1/ns/user; ls /sys/class/net; kill -0 1 && echo same";
    for ran in each(home, &options, image, script) {
        let lines: Vec<&str> = ran.ok().lines().collect();
        assert!(lines[0] == lines[1] && lines[2..] == ["eth0", "lo", "same"], "{ran}");
    }
    for ran in each(home, &["--ipc", "host", "--cgroupns", "host", "--init"], image, "ls -d /dev/mqueue /sys/fs/cgroup")
    {
        assert_eq!(ran.ok(), "/dev/mqueue\n/sys/fs/cgroup");
    }
    home.berth(&["rm", "-f", "donor"]).ok();
}

fn limits_above_the_engines_own_are_given(home: &Home, image: &str) {
    let script = "ulimit -Sl; ulimit -Hl; ulimit -Hn";
    let options = ["--ulimit", "memlock=1073741824:2147483648", "--ulimit", "nofile=1048576"];
    for ran in each(home, &options, image, script) {
        assert_eq!(ran.ok(), "1048576\n2097152\n1048576");
    }
    for ran in each(home, &["--ulimit", "nofile=2147483647"], image, script) {
        let said = "limit RLIMIT_NOFILE: 2147483647 is more than may be given here";
        assert!(ran.stderr.contains(said) && ran.code != Some(0), "{ran}");
    }
}

fn refusals_are_dockers(home: &Home, image: &str) {
    for (options, text) in [
        (&["--privileged"][..], "privileged mode is incompatible with user namespaces.  You must run"),
        (&["--network", "host"], "cannot share the host's network namespace when user namespaces are enabled"),
        (&["--pid", "host"], "cannot share the host PID namespace when user namespaces are enabled"),
        (&["--userns", "nonsense"], "--userns: invalid USER mode"),
    ] {
        let words = [&["run", "--rm"], options, &[image, "true"]].concat();
        for ran in [home.docker(&words), home.berth(&words)] {
            assert!(ran.fails(125).contains(text), "{ran}");
        }
    }
    for ran in each(home, &["--userns", "host", "--privileged"], image, "readlink /proc/self/ns/user") {
        ran.ok();
    }
    assert_eq!(home.docker(&["ps", "-aq"]).ok(), "", "nothing half-made stays");
}
