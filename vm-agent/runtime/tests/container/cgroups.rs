//! cgroup v2, as far as a host has it whose controllers belong to version 1: membership, devices, killing, removal.

use std::fs;

use serde_json::json;

use crate::fixture::{Fixture, eventually};

/// In the mount namespace of each command, cgroup v2 is where the guest has it.
const CGROUP2: &str =
    "{ mountpoint -q /sys/fs/cgroup || mkdir -p /sys/fs/cgroup; } && mount -t cgroup2 cgroup2 /sys/fs/cgroup";

fn in_cgroup(script: &str) -> (Fixture, String) {
    let fixture = Fixture::new(script).prepared_by(CGROUP2);
    let path = format!("/berth-test/{}", fixture.id);
    let fixture = fixture.with(|spec| spec["linux"]["cgroupsPath"] = json!(path));
    (fixture, path)
}

/// The processes of a cgroup, `None` when it does not exist.
fn processes(path: &str) -> Option<usize> {
    let script = format!("{CGROUP2} && cat /sys/fs/cgroup{path}/cgroup.procs");
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .output()
        .unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().lines().count())
}

#[test]
fn a_container_is_in_its_cgroup_and_sees_it_as_the_root() {
    let (fixture, path) = in_cgroup("grep ^0: /proc/self/cgroup; grep -c . /sys/fs/cgroup/cgroup.procs; sleep 1000");
    let (mut monitor, _) = fixture.monitor();
    assert_eq!(processes(&path), Some(1));
    fixture.succeed(&["start", &fixture.id]);
    assert!(eventually(|| fs::read_to_string(fixture.log()).unwrap().lines().count() == 2));
    fixture.succeed(&["kill", "--all", &fixture.id, "KILL"]);
    monitor.wait().unwrap();
    let ended = fixture.ended();
    assert_eq!((ended.code, ended.stdout.lines().next()), (137, Some("0::/")));
    fixture.succeed(&["delete", &fixture.id]);
    assert_eq!(processes(&path), None);
}

#[test]
fn killing_all_reaches_processes_outside_of_a_pid_namespace() {
    let (fixture, path) = in_cgroup("sleep 1000 & sleep 1001 & sleep 1002");
    let fixture = fixture.with(|spec| {
        spec["linux"]["namespaces"].as_array_mut().unwrap().retain(|entry| entry["type"] != "pid");
    });
    let (mut monitor, _) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    assert!(eventually(|| processes(&path) == Some(3)));
    fixture.succeed(&["delete", "--force", &fixture.id]);
    monitor.wait().unwrap();
    assert_eq!(processes(&path), None);
}

#[test]
fn a_paused_container_stands_still_and_goes_on_where_it_was() {
    let (fixture, _) = in_cgroup("i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done");
    let (mut monitor, _) = fixture.monitor();
    let id = fixture.id.as_str();
    fixture.succeed(&["start", id]);
    let lines = || fs::read_to_string(fixture.log()).unwrap().lines().count();
    assert!(eventually(|| lines() > 2));
    fixture.succeed(&["pause", id]);
    assert_eq!(fixture.state()["status"], "paused");
    assert!(fixture.fail(&["pause", id]).contains("is paused already"));
    // What it had written before is on its way through the monitor.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let before = lines();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(lines(), before, "a frozen container writes nothing");
    assert!(fixture.fail(&["delete", id]).contains("it is running"));
    fixture.succeed(&["resume", id]);
    assert_eq!(fixture.state()["status"], "running");
    assert!(fixture.fail(&["resume", id]).contains("is not paused"));
    assert!(eventually(|| lines() > before));

    fixture.succeed(&["pause", id]);
    fixture.succeed(&["kill", id, "KILL"]);
    monitor.wait().unwrap();
    assert_eq!(fixture.ended().code, 137, "a frozen container can be killed");
    for verb in ["pause", "resume"] {
        assert!(fixture.fail(&[verb, id]).contains("is not"), "{verb}");
    }
    fixture.succeed(&["delete", id]);
}

#[test]
fn an_update_writes_what_it_names_and_refuses_what_makes_no_sense() {
    let (fixture, _) = in_cgroup("sleep 1000");
    fixture.create();
    let update = |document: &str| {
        let file = fixture.path().join("resources.json");
        fs::write(&file, document).unwrap();
        let output = fixture.runtime(&["update", "--resources", file.to_str().unwrap(), &fixture.id]);
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(update("{}"), "");
    assert!(update(r#"{"memory":{"limit":100,"swap":50}}"#).contains("memory+swap limit 50 is below"));
    assert!(update(r#"{"unified":{"nosuch.max":"1"}}"#).contains("cgroup controller nosuch is not available"));
    assert!(update("7").contains("parse "));
    fixture.succeed(&["delete", "--force", &fixture.id]);
    assert!(fixture.fail(&["update", "--resources", "/nonexistent", &fixture.id]).contains("no such file"));
}

#[test]
fn devices_beyond_the_default_ones_cannot_be_used() {
    let script = "mknod /kmsg c 1 11 && mknod /disk b 240 0 && echo made; head -c 1 /kmsg; head -c 1 /disk
        head -c 2 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; echo x > /dev/null && echo null";
    let policy = |rules: serde_json::Value| {
        let (fixture, _) = in_cgroup(script);
        let fixture = fixture.with(|spec| {
            spec["linux"]["resources"] = json!({ "devices": rules });
            // Reading the kernel's messages takes more than the device.
            for set in ["bounding", "permitted", "effective"] {
                spec["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SYSLOG"));
            }
        });
        fixture.run()
    };
    let refused = policy(json!([{ "allow": false, "access": "rwm" }]));
    assert_eq!(refused.stdout, "made\n2\n2\nnull\n");
    assert_eq!(refused.stderr.matches("Operation not permitted").count(), 2, "{}", refused.stderr);
    let allowed = policy(json!([
        { "allow": false, "access": "rwm" },
        { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "r" }
    ]));
    assert_eq!(allowed.stderr.matches("Operation not permitted").count(), 1, "{}", allowed.stderr);
    let everything = policy(json!([{ "allow": true, "access": "rwm" }]));
    // No driver has major 240 (Documentation/admin-guide/devices.txt): the policy lets the attempt through to nobody.
    assert!(everything.stderr.contains("/disk: No such device"), "{}", everything.stderr);
    assert_eq!(everything.stderr.matches("Operation not permitted").count(), 0, "{}", everything.stderr);
}

#[test]
fn a_limit_without_its_controller_is_named_and_leaves_nothing() {
    let (fixture, path) = in_cgroup("true");
    let fixture = fixture.with(|spec| spec["linux"]["resources"] = json!({ "unified": { "nosuch.max": "1" } }));
    let message = fixture.refused()["message"].to_string();
    assert!(message.contains("cannot set nosuch.max: the cgroup controller nosuch is not available"), "{message}");
    assert_eq!(processes(&path), None);
}

#[test]
fn a_cgroup_in_use_is_not_shared() {
    let (first, path) = in_cgroup("sleep 1000");
    first.create();
    let (second, _) = in_cgroup("true");
    let second = second.with(|spec| spec["linux"]["cgroupsPath"] = json!(path));
    assert!(second.refused()["message"].as_str().unwrap().contains("in use by another container"));
    assert_eq!(processes(&path), Some(1));
}

#[test]
fn without_cgroup_v2_a_path_is_an_error_that_says_what_to_do() {
    let fixture = Fixture::new("true")
        .prepared_by("mount -t tmpfs tmpfs /sys/fs/cgroup")
        .with(|spec| spec["linux"]["cgroupsPath"] = json!("/berth/x"));
    assert_eq!(fixture.refused()["message"], "cgroup v2 is not mounted at /sys/fs/cgroup; mount it");
}

#[test]
fn what_is_executed_in_a_container_is_in_its_cgroup_even_when_that_is_divided() {
    let (fixture, path) = in_cgroup("sleep 1000");
    let (mut monitor, announcement) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    let mut process = fixture.spec["process"].clone();
    process["args"] = json!(["grep", "^0:", "/proc/self/cgroup"]);
    let file = fixture.path().join("process.json");
    fs::write(&file, process.to_string()).unwrap();
    let exec = || fixture.succeed(&["exec", "--process", file.to_str().unwrap(), &fixture.id]);
    assert_eq!(exec(), "0::/\n");
    // As an init with services does it: a cgroup with controllers for its children holds no processes of its own.
    let pid = &announcement["created"]["pid"];
    let divide = format!(
        "{CGROUP2} && cd /sys/fs/cgroup{path} && mkdir part && echo {pid} > part/cgroup.procs && \
         for c in $(cat cgroup.controllers); do echo +$c; done > cgroup.subtree_control"
    );
    let status = std::process::Command::new("unshare").args(["--mount", "sh", "-c", &divide]).status().unwrap();
    assert!(status.success());
    let inside = exec();
    assert!(inside == "0::/part\n" || inside == "0::/\n", "{inside}");
    fixture.succeed(&["delete", "--force", &fixture.id]);
    monitor.wait().unwrap();
    assert_eq!(processes(&path), None);
}
