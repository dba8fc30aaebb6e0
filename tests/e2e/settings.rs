//! `daemon.json`: what holds for every container that asks for nothing else.

use berth_tests::{Home, Registry};

#[test]
fn settings_hold_for_every_container_that_asks_for_nothing_else() {
    let registry = Registry::start();
    let image = registry.image("busybox:latest");
    let home = Home::new();
    let file = home.path().join("daemon.json");
    std::fs::write(&file, r#"{"log-drivers": "local"}"#).expect("write");
    let refused = home.berth(&["up"]);
    let said = refused.fails(1);
    assert!(said.contains("daemon.json") && said.contains("log-drivers"), "{said}");
    let settings = r#"{"log-driver": "local", "log-opts": {"max-size": "1m"}, "default-shm-size": "32m", "init": true,
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1000, "Hard": 2000}}, "no-new-privileges": true}"#;
    std::fs::write(&file, settings).expect("write");
    home.berth(&["up"]).ok();
    home.berth(&["pull", &image]).ok();
    let script = "ulimit -n; ulimit -Hn; df -m /dev/shm | awk 'NR == 2 { print $2 }'; cat /proc/1/comm
        grep -c 'NoNewPrivs:.1' /proc/self/status";
    for (name, ran) in [
        ("docker", home.docker(&["run", "--name", "docker", &image, "sh", "-c", script])),
        ("berth", home.berth(&["run", "--name", "berth", &image, "sh", "-c", script])),
    ] {
        let lines: Vec<&str> = ran.ok().lines().collect();
        assert_eq!(lines[..3], ["1000", "2000", "32"], "{name}");
        assert!(lines[3].contains("init"), "{name}: {}", lines[3]);
        assert_eq!(lines[4], "1", "{name}");
        let log = home.docker(&["inspect", "--format", "{{json .HostConfig.LogConfig}}", name]);
        assert_eq!(log.ok(), r#"{"Type":"local","Config":{"max-size":"1m"}}"#);
        assert_eq!(home.berth(&["logs", name]).ok(), ran.ok(), "the other driver is read as well");
    }
    let asked = ["run", "--rm", "--ulimit", "nofile=30:40", "--shm-size", "8m", "--init=false", &image];
    let script = "ulimit -n; df -m /dev/shm | awk 'NR == 2 { print $2 }'; cat /proc/1/comm; true";
    for ran in [
        home.docker(&[&asked[..], &["sh", "-c", script]].concat()),
        home.berth(&[&asked[..], &["sh", "-c", script]].concat()),
    ] {
        assert_eq!(ran.ok().lines().collect::<Vec<_>>(), ["30", "8", "sh"]);
    }
}
