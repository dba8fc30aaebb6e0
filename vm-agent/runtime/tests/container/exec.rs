//! `exec` and its monitor: a process more in a container that runs.

use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use crate::{
    fixture::{CAPABILITIES, CAPABILITY_BITS, Fixture, eventually},
    streams::Client,
};

/// A container that does nothing, under a monitor.
fn running() -> (Fixture, Child) {
    let fixture = Fixture::new("sleep 1000");
    let (monitor, _) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    (fixture, monitor)
}

fn process(script: &str) -> Value {
    json!({
        "user": { "uid": 0, "gid": 0 },
        "args": ["sh", "-c", script],
        "env": ["PATH=/bin"],
        "cwd": "/",
        "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES }
    })
}

fn described(fixture: &Fixture, process: &Value) -> String {
    let file = fixture.path().join("process.json");
    fs::write(&file, process.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Output and exit code of `process`, run in the foreground.
fn exec(fixture: &Fixture, process: &Value) -> (String, String, Option<i32>) {
    let file = described(fixture, process);
    let output = fixture.runtime(&["exec", "--process", &file, &fixture.id]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// Has a monitor make `process`; its directory, the monitor, and what it announces.
fn monitored(fixture: &Fixture, name: &str, process: &Value) -> (PathBuf, Child, Value) {
    let directory = fixture.path().join(name);
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("process.json"), process.to_string()).unwrap();
    let place = directory.to_str().unwrap();
    let mut command = fixture.command(&["monitor-exec", "--bundle", place, "--open-stdin", &fixture.id]);
    let mut monitor = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut announcement = String::new();
    monitor.stdout.take().unwrap().read_to_string(&mut announcement).unwrap();
    (directory, monitor, serde_json::from_str(&announcement).unwrap())
}

fn everything() -> Value {
    json!({ "input": true, "close_input": true, "output": true, "error": true, "lossless": true })
}

#[test]
fn a_process_joins_everything_the_container_has() {
    let (fixture, _monitor) = running();
    let script = "for n in cgroup ipc mnt net pid uts; do [ $(readlink /proc/self/ns/$n) = $(readlink /proc/1/ns/$n) ] \
                  || echo other $n; done; hostname; grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status; ls /proc/self/fd; \
                  echo err >&2; exit 9";
    let (output, error, code) = exec(&fixture, &process(script));
    let expected = format!("box\nNoNewPrivs:\t0\nCapEff:\t{CAPABILITY_BITS}\nSeccomp:\t2\n0\n1\n2\n3\n");
    let mut lines: Vec<&str> = output.lines().collect();
    let mut wanted: Vec<&str> = expected.lines().collect();
    lines.sort_unstable();
    wanted.sort_unstable();
    // Descriptor 3 is that of `ls` itself.
    assert_eq!((lines, error.as_str(), code), (wanted, "err\n", Some(9)));
}

#[test]
fn user_directory_environment_and_limits_are_the_processs_own() {
    let (fixture, _monitor) = running();
    fs::write(fixture.rootfs().join("etc/passwd"), "web:x:33:33::/srv:/bin/sh\n").unwrap();
    let mut asked = process("id -u; id -G; pwd; echo $HOME $A; ulimit -n; cat /proc/self/oom_score_adj");
    asked["user"] = json!({ "uid": 33, "gid": 34, "additionalGids": [50] });
    asked["cwd"] = json!("/etc");
    asked["env"] = json!(["PATH=/bin", "A=1"]);
    asked["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 77, "hard": 77 }]);
    asked["oomScoreAdj"] = json!(321);
    let (output, _, code) = exec(&fixture, &asked);
    assert_eq!((output.as_str(), code), ("33\n34 50\n/etc\n/srv 1\n77\n321\n", Some(0)));
    asked["noNewPrivileges"] = json!(true);
    asked["capabilities"] = json!({});
    asked["args"] = json!(["grep", "-E", "NoNewPrivs|CapBnd", "/proc/self/status"]);
    assert_eq!(exec(&fixture, &asked).0, "CapBnd:\t0000000000000000\nNoNewPrivs:\t1\n");
}

#[test]
fn what_cannot_run_is_told_in_dockers_words() {
    let (fixture, mut monitor) = running();
    fs::write(fixture.rootfs().join("etc/plain"), "text").unwrap();
    fs::write(fixture.rootfs().join("etc/script"), "#!/no/such\n").unwrap();
    fs::write(fixture.rootfs().join("etc/text"), "text").unwrap();
    for file in ["etc/script", "etc/text"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(fixture.rootfs().join(file), mode).unwrap();
    }
    for (number, (program, kind, message)) in [
        ("nope", "not-found", r#"exec: "nope": executable file not found in $PATH"#),
        ("/etc/plain", "not-executable", r#"exec: "/etc/plain": permission denied"#),
    ]
    .into_iter()
    .enumerate()
    {
        let mut asked = process("");
        asked["args"] = json!([program]);
        let (directory, mut monitor, announcement) = monitored(&fixture, &format!("refused-{number}"), &asked);
        assert_eq!(announcement["error"], json!({ "kind": kind, "message": message }));
        assert!(!monitor.wait().unwrap().success() && !directory.join("monitor.sock").exists());
    }
    for (program, kind, message) in [
        ("/etc/text", "not-executable", "exec /etc/text: exec format error"),
        ("/etc/script", "not-found", "exec /etc/script: no such file or directory"),
    ] {
        let mut asked = process("");
        asked["args"] = json!([program]);
        let (directory, mut monitor, _) = monitored(&fixture, &program.replace('/', ""), &asked);
        let answer = Client::connect(&directory).ask(json!({ "start": {} }));
        assert_eq!(answer["error"], json!({ "kind": kind, "message": message }));
        monitor.wait().unwrap();
        assert!(directory.join("exit.json").exists());
    }
    fixture.succeed(&["kill", &fixture.id, "KILL"]);
    monitor.wait().unwrap();
    let file = described(&fixture, &process("true"));
    let refused = fixture.fail(&["exec", "--process", &file, &fixture.id]);
    assert!(refused.contains("it has ended"), "{refused}");
}

/// CVE-2024-21626 by way of exec: a descriptor of the host as working directory, or left open.
#[test]
fn no_descriptor_of_the_host_is_entered_or_left_open() {
    let (fixture, _monitor) = running();
    symlink("/proc/self/fd/7", fixture.rootfs().join("way")).unwrap();
    let directories = (0..32).flat_map(|fd| [format!("/proc/self/fd/{fd}"), format!("/proc/1/fd/{fd}")]);
    for directory in directories.chain(["/way".to_owned()]) {
        let mut asked = process("pwd; ls");
        asked["cwd"] = json!(directory);
        let (output, error, code) = exec(&fixture, &asked);
        assert!(code == Some(1) && output.is_empty() && error.contains("chdir to cwd"), "{directory}: {output}{error}");
    }
    let mut asked = process("");
    asked["args"] = json!(["ls", "/proc/self/fd"]);
    let file = described(&fixture, &asked);
    let exec = fixture.command(&["exec", "--process", &file, &fixture.id]);
    let mut careless = std::process::Command::new("sh");
    careless.args(["-c", "exec 7</ 8</etc/shadow 9<>/dev/null; exec \"$@\"", "sh"]);
    let output = careless.arg(exec.get_program()).args(exec.get_args()).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "0\n1\n2\n3\n", "three descriptors, and the folder listed");
}

/// CVE-2016-9962: a process that is on its way in, looked into from inside.
#[test]
fn nobody_in_the_container_looks_into_a_process_on_its_way_in() {
    let spy = "while :; do for p in /proc/[0-9]*; do case ${p#/proc/} in 1|$$) ;; *)
               for f in $p/fd/*; do l=$(readlink $f) && case $l in /proc*|*state*|*socket*|/sys*|anon*) echo \"$l\" ;; esac; done
               readlink $p/exe ;; esac; done; done 2>/dev/null";
    let fixture = Fixture::new(spy);
    let (mut monitor, _) = fixture.monitor();
    fixture.succeed(&["start", &fixture.id]);
    for _ in 0..40 {
        assert_eq!(exec(&fixture, &process("true")).2, Some(0));
    }
    fixture.succeed(&["kill", &fixture.id, "KILL"]);
    monitor.wait().unwrap();
    let seen: Vec<String> =
        fixture.ended().stdout.lines().filter(|line| *line != "/bin/busybox").map(str::to_owned).collect();
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn a_monitored_process_waits_talks_and_leaves_its_exit() {
    let (fixture, _monitor) = running();
    let (directory, mut monitor, announcement) = monitored(&fixture, "talk", &process("cat; echo end >&2; exit 12"));
    assert!(announcement["created"]["pid"].is_u64(), "{announcement}");
    let mut client = Client::attached(&directory, everything());
    let mut asking = Client::connect(&directory);
    assert_eq!(asking.ask(json!({ "start": {} })), json!({ "done": {} }));
    assert!(asking.ask(json!({ "start": {} }))["error"]["message"].as_str().unwrap().contains("started already"));
    client.send(b"hello\n");
    assert_eq!(client.until("\n"), "hello\n");
    client.send(b"");
    assert_eq!(client.rest(), (Vec::new(), b"end\n".to_vec()));
    assert!(monitor.wait().unwrap().success());
    let exit: Value = serde_json::from_slice(&fs::read(directory.join("exit.json")).unwrap()).unwrap();
    assert_eq!(exit["exited"]["code"], 12);
    assert!(fixture.log_entries().is_empty(), "an exec's output is not the container's");
}

#[test]
fn a_terminal_of_ones_own_is_resized_and_a_signal_ends_it() {
    let (fixture, _monitor) = running();
    let mut asked = process("tty; ls /dev/console 2>&1; trap 'stty size' WINCH; while :; do sleep 0.05; done");
    asked["terminal"] = json!(true);
    let (directory, mut monitor, _) = monitored(&fixture, "terminal", &asked);
    let mut client = Client::attached(&directory, everything());
    let mut asking = Client::connect(&directory);
    asking.ask(json!({ "start": {} }));
    client.until("/dev/pts/0\r\n");
    client.until("/dev/console");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(asking.ask(json!({ "resize": { "rows": 50, "columns": 132 } })), json!({ "done": {} }));
    client.until("50 132\r\n");
    assert_eq!(asking.ask(json!({ "kill": { "signal": 9 } })), json!({ "done": {} }));
    assert!(monitor.wait().unwrap().success());
    assert!(fs::read_to_string(directory.join("exit.json")).unwrap().contains("\"code\":137"));
}

#[test]
fn the_end_of_the_container_is_the_end_of_what_was_executed_in_it() {
    let (fixture, mut monitor) = running();
    let (directory, mut execs_monitor, _) = monitored(&fixture, "long", &process("sleep 1000"));
    let mut client = Client::attached(&directory, everything());
    Client::connect(&directory).ask(json!({ "start": {} }));
    fixture.succeed(&["delete", "--force", &fixture.id]);
    assert_eq!(client.rest(), (Vec::new(), Vec::new()));
    assert!(execs_monitor.wait().unwrap().success() && monitor.wait().unwrap().success());
    assert!(fs::read_to_string(directory.join("exit.json")).unwrap().contains("\"signal\":9"));
}

#[test]
fn a_detached_process_goes_on_alone() {
    let (fixture, _monitor) = running();
    let file = described(&fixture, &process("sleep 0.2; echo > /made"));
    let pid_file = fixture.path().join("pid");
    let status = fixture
        .command(&["exec", "-p", &file, "--detach", "--pid-file", pid_file.to_str().unwrap(), &fixture.id])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(fs::read_to_string(pid_file).unwrap().parse::<u32>().is_ok());
    assert!(eventually(|| fixture.rootfs().join("made").exists()));
}
