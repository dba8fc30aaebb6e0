//! The monitor: streams, log, exit, and those who wait for it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::fixture::{Fixture, eventually};

#[test]
fn output_exit_code_and_time_are_kept() {
    let fixture = Fixture::new("echo out; echo err >&2; printf rest; exit 42");
    let ended = fixture.run();
    assert_eq!((ended.code, ended.signal), (42, None));
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\nrest", "err\n"));
    let exit: Value = serde_json::from_slice(&fs::read(fixture.path().join("exit.json")).unwrap()).unwrap();
    assert_eq!(exit["exited"]["oom_killed"], false);
    for time in [&exit["exited"]["at"], &fixture.log_entries()[0]["time"]] {
        let time = time.as_str().unwrap();
        assert!(time.len() == 30 && time.ends_with('Z'), "{time}");
    }
}

#[test]
fn a_signal_is_told_as_128_and_its_number() {
    let fixture = Fixture::new("sleep 1000");
    let (mut monitor, announcement) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    assert_eq!(announcement["created"]["pid"], fixture.state()["pid"]);
    fixture.succeed(&["kill", &fixture.id, "SIGKILL"]);
    assert!(monitor.wait().unwrap().success());
    assert_eq!((fixture.ended().code, fixture.ended().signal), (137, Some(9)));
}

#[test]
fn who_waits_hears_of_the_end_once_the_log_is_complete() {
    let fixture = Fixture::new("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 7");
    let (mut monitor, _) = fixture.monitor();
    let connect = || UnixStream::connect(fixture.path().join("monitor.sock")).unwrap();
    let (mut waiting, silent, mut half_closed, mut wrong) = (connect(), connect(), connect(), connect());
    waiting.write_all(b"{\"wait\":{}}\n").unwrap();
    half_closed.write_all(b"{\"wait\":{}}\n").unwrap();
    half_closed.shutdown(std::net::Shutdown::Write).unwrap();
    wrong.write_all(b"{\"what\":{}}\n").unwrap();
    drop(connect());
    let read = |mut stream: UnixStream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(read(wrong).contains("unknown request"));
    fixture.succeed(&["start", &fixture.id]);
    let mut line = String::new();
    BufReader::new(&waiting).read_line(&mut line).unwrap();
    assert_eq!(fs::read_to_string(fixture.path().join("exit.json")).unwrap(), line);
    assert_eq!(fixture.log_entries().len(), 20_000);
    assert_eq!(fixture.log_entries()[19_999]["log"], "line 19999\n");
    let exited: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(exited["exited"]["code"], 7);
    assert_eq!((read(waiting), read(silent), read(half_closed)), (String::new(), line.clone(), line));
    assert!(monitor.wait().unwrap().success());
    assert!(!fixture.path().join("monitor.sock").exists());
}

#[test]
fn a_long_line_is_logged_in_pieces_and_no_byte_is_lost() {
    let fixture = Fixture::new("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end");
    let ended = fixture.run();
    assert_eq!(ended.stdout.len(), 3_000_001 + 4);
    let entries = fixture.log_entries();
    assert_eq!(entries[0]["log"].as_str().unwrap().len(), 16_384);
    assert!(!entries[0]["log"].as_str().unwrap().ends_with('\n'));
    assert_eq!(entries.last().unwrap()["log"], "end\n");
}

#[test]
fn the_engines_end_ends_neither_monitor_nor_container() {
    let fixture = Fixture::new("sleep 2; echo survived; exit 5");
    fixture.write_config();
    // A shell stands for the engine: it starts the monitor, hears of the creation, and is killed with its whole group.
    let mut engine = Command::new("setsid");
    let monitor = fixture.monitor_command();
    engine
        .args(["sh", "-c", "\"$@\" & echo engine; sleep 1000", "sh"])
        .arg(monitor.get_program())
        .args(monitor.get_args());
    let mut engine = engine.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(engine.stdout.take().unwrap()).lines();
    let created = lines.find(|line| line.as_ref().unwrap().contains("created")).unwrap().unwrap();
    assert!(created.contains("pid"));
    fixture.succeed(&["start", &fixture.id]);
    let group = Pid::from_raw(-i32::try_from(engine.id()).unwrap());
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
        kill(group, signal).ok();
    }
    engine.wait().unwrap();
    let mut waiting = UnixStream::connect(fixture.path().join("monitor.sock")).unwrap();
    waiting.write_all(b"{\"wait\":{}}\n").unwrap();
    let mut line = String::new();
    waiting.read_to_string(&mut line).unwrap();
    assert!(line.contains("\"code\":5"), "{line}");
    assert_eq!(fixture.ended().stdout, "survived\n");
}

#[test]
fn the_monitor_does_not_heed_polite_signals() {
    let fixture = Fixture::new("sleep 1000");
    let (mut monitor, _) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    let pid = Pid::from_raw(i32::try_from(monitor.id()).unwrap());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE] {
        kill(pid, signal).unwrap();
    }
    fixture.succeed(&["kill", &fixture.id, "9"]);
    assert!(monitor.wait().unwrap().success());
    assert_eq!(fixture.ended().code, 137);
}

#[test]
fn a_process_left_behind_does_not_keep_the_log_open() {
    let fixture = Fixture::new("(while :; do echo tick; done) & sleep 0.3; echo main; exit 3").with(|spec| {
        let list = spec["linux"]["namespaces"].as_array_mut().unwrap();
        list.retain(|entry| entry["type"] != "pid");
    });
    let ended = fixture.run();
    assert_eq!(ended.code, 3);
    assert!(ended.stdout.contains("main\n") && ended.stdout.contains("tick\n"));
}

#[test]
fn a_terminal_is_the_containers_and_its_output_is_logged() {
    let script =
        "tty; test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; ls -l /dev/console; echo err >&2
        head -c 200000 /dev/zero | tr '\\0' y; exit 4";
    let fixture = Fixture::new(script).with(|spec| {
        spec["process"]["terminal"] = json!(true);
        spec["process"]["consoleSize"] = json!({ "height": 33, "width": 111 });
    });
    let ended = fixture.run();
    assert_eq!(ended.code, 4);
    assert!(
        ended.stdout.starts_with("/dev/pts/0\r\nterminal\r\n33 111\r\ncrw--w----    1 0        5         136,"),
        "{}",
        &ended.stdout[..200]
    );
    assert!(ended.stdout.contains("err\r\n") && ended.stderr.is_empty());
    assert_eq!(ended.stdout.matches('y').count(), 200_000 + "/dev/pts/0".matches('y').count());
}

#[test]
fn a_program_that_cannot_run_is_told_in_dockers_words() {
    let refused = |program: &str| {
        let fixture = Fixture::new("").with(|spec| spec["process"]["args"] = json!([program]));
        fs::write(fixture.rootfs().join("etc/plain"), "text").unwrap();
        fixture.refused()
    };
    for (program, kind, message) in [
        ("nope", "not-found", r#"exec: "nope": executable file not found in $PATH"#),
        ("/nope", "not-found", r#"exec: "/nope": stat /nope: no such file or directory"#),
        ("/etc/plain", "not-executable", r#"exec: "/etc/plain": permission denied"#),
        ("/etc", "not-executable", r#"exec: "/etc": is a directory"#),
    ] {
        assert_eq!(refused(program), json!({ "kind": kind, "message": message }));
    }
}

#[test]
fn a_file_that_is_no_program_ends_with_255_and_says_so() {
    let fixture = Fixture::new("").with(|spec| spec["process"]["args"] = json!(["/etc/plain"]));
    fs::write(fixture.rootfs().join("etc/plain"), "text").unwrap();
    fs::set_permissions(fixture.rootfs().join("etc/plain"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let ended = fixture.run();
    assert_eq!((ended.code, ended.stderr.as_str()), (255, "exec /etc/plain: exec format error\n"));
}

#[test]
fn an_idle_monitor_has_less_than_a_megabyte_of_its_own() {
    let fixture = Fixture::new("sleep 1000");
    let (monitor, _) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    let status = || fs::read_to_string(format!("/proc/{}/status", monitor.id())).unwrap();
    let kilobytes = |status: String| -> u32 {
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert!(eventually(|| kilobytes(status()) < 1024), "{}", status());
}
