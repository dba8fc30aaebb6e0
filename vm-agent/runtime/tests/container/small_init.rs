//! This program as a container's init.

use std::{path::Path, time::Duration};

use serde_json::json;

use crate::fixture::{Fixture, eventually};

/// A container whose PID 1 is the runtime's program as docker's init; on a development machine it needs its libraries.
fn with_init(script: &str) -> Fixture {
    let mut fixture = Fixture::new("").with(|spec| {
        spec["process"]["args"] = json!(["/sbin/docker-init", "--", "sh", "-c", script]);
    });
    fixture = fixture.mount(json!({
        "destination": "/sbin/docker-init", "type": "bind", "source": env!("CARGO_BIN_EXE_berth-runtime"),
        "options": ["bind", "ro"],
    }));
    for library in ["/lib", "/lib64", "/usr/lib"].into_iter().filter(|path| Path::new(path).is_dir()) {
        fixture = fixture.mount(json!({ "destination": library, "source": library, "options": ["rbind", "ro"] }));
    }
    fixture
}

#[test]
fn it_ends_as_the_program_ends() {
    let ended = with_init("echo $$; cat /proc/1/cmdline | tr '\\0' ' '; grep CapEff /proc/1/status; exit 7").run();
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_ne!(lines[0], "1");
    assert!(lines[1].starts_with("/sbin/docker-init -- sh -c"), "{}", ended.stdout);
    assert!(ended.stdout.contains(crate::fixture::CAPABILITY_BITS), "{}", ended.stdout);
    assert_eq!(with_init("kill -9 $$").run().code, 137);
}

#[test]
fn orphans_are_reaped() {
    let script = "for n in 1 2 3 4 5; do (sleep 0.1 &) ; done; sleep 1;
        cat /proc/[0-9]*/stat | grep -c ') Z '; for p in /proc/[0-9]*; do echo $p; done | wc -l";
    let ended = with_init(script).run();
    assert!(ended.stdout.starts_with("0\n"), "zombies stayed: {}", ended.stdout);
}

#[test]
fn signals_reach_the_program_and_its_answer_counts() {
    let fixture = with_init("trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done");
    let (mut monitor, _) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    assert!(eventually(|| !fixture.log_entries().is_empty()));
    std::thread::sleep(Duration::from_millis(50));
    fixture.succeed(&["kill", &fixture.id, "TERM"]);
    monitor.wait().unwrap();
    let ended = fixture.ended();
    assert_eq!((ended.code, ended.stdout.as_str()), (3, "ready\ngot\n"));
}

#[test]
fn a_program_that_is_not_there_has_a_shells_exit_code() {
    let missing = |program: &str| {
        let fixture = with_init("").with(|spec| spec["process"]["args"] = json!(["/sbin/docker-init", "--", program]));
        let ended = fixture.run();
        (ended.code, ended.stderr)
    };
    assert_eq!(missing("nope"), (127, "docker-init: exec nope failed: no such file or directory\n".to_owned()));
    assert_eq!(missing("/etc"), (126, "docker-init: exec /etc failed: permission denied\n".to_owned()));
}

/// CVE-2019-5736 by way of the init, which is the runtime's own file.
#[test]
fn its_file_cannot_be_overwritten_from_the_container() {
    let runtime = Path::new(env!("CARGO_BIN_EXE_berth-runtime"));
    let before = std::fs::read(runtime).unwrap();
    let script = "exec 9< /proc/1/exe; for file in /proc/1/exe /proc/self/fd/9 /sbin/docker-init; do
            (echo overwritten > $file) 2>&1; done
        mount -o remount,rw,bind /sbin/docker-init 2>&1; rm /sbin/docker-init 2>&1";
    let ended = with_init(script).run();
    assert_eq!(ended.stdout.matches("Read-only file system").count(), 3, "{}", ended.stdout);
    assert!(ended.stdout.contains("permission denied") || ended.stdout.contains("not permitted"), "{}", ended.stdout);
    assert!(ended.stdout.contains("busy"), "a mount point stays: {}", ended.stdout);
    assert!(std::fs::read(runtime).unwrap() == before, "the runtime was overwritten");
}
