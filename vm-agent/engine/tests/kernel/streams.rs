//! Standard streams and execs on the real runtime.

use crate::ground::{Ground, on_own_ground, output, shell};
use berth_engine::{
    Engine,
    attach::{AfterInput, AttachOptions, Attachment},
    container::{ContainerConfig, ContainerState, RemoveOptions, WaitCondition},
    exec::{ExecConfig, ExecStart, ExecStarted},
    log::{LogFrame, LogStream, Stdio},
};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: true };

/// A hang of a test is a failure of it.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), work).await.expect("within half a minute")
}

fn everything() -> AttachOptions {
    AttachOptions { stdin: true, stdout: true, stderr: true, stream: true, ..AttachOptions::default() }
}

fn interactive(config: &mut ContainerConfig) {
    (config.open_stdin, config.stdin_once) = (true, true);
}

/// All that is still to come of both outputs.
async fn rest(output: &mut LogStream) -> (String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    while let Some(frame) = soon(output.next()).await {
        let LogFrame { stdio, bytes, .. } = frame.unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        if stdio == Stdio::Stdout { out.push_str(text) } else { err.push_str(text) }
    }
    (out, err)
}

async fn until(output: &mut LogStream, text: &str) -> String {
    let mut all = String::new();
    while !all.contains(text) {
        let frame = soon(output.next()).await.unwrap_or_else(|| panic!("{text:?} does not come: {all:?}")).unwrap();
        all.push_str(std::str::from_utf8(&frame.bytes).unwrap());
    }
    all
}

async fn running(ground: &Ground, change: impl FnOnce(&mut ContainerConfig)) -> Engine {
    let engine = ground.engine_with_busybox().await;
    engine.create_container(shell("box", "sleep 1000", |config, _| change(config))).await.unwrap();
    engine.start_container("box").await.unwrap();
    engine
}

pub(crate) fn command(line: &str) -> ExecConfig {
    let cmd = ["sh", "-c", line].map(str::to_owned).to_vec();
    ExecConfig { cmd, attach_stdout: true, attach_stderr: true, ..ExecConfig::default() }
}

async fn begin(engine: &Engine, config: ExecConfig) -> (String, Attachment) {
    let id = engine.create_exec("box", config).await.unwrap();
    match soon(engine.start_exec(&id, ExecStart::default())).await.unwrap() {
        ExecStarted::Attached(attachment) => (id, attachment),
        ExecStarted::Detached => panic!("nobody is attached"),
    }
}

/// Output, error and exit code.
pub(crate) async fn exec(engine: &Engine, config: ExecConfig) -> (String, String, Option<i64>) {
    let (id, mut attached) = begin(engine, config).await;
    let (out, err) = rest(&mut attached.output).await;
    (out, err, engine.inspect_exec(&id).unwrap().exit_code)
}

#[test]
fn what_is_typed_before_the_start_arrives_and_its_end_too() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        engine.create_container(shell("box", "cat; echo done >&2", |config, _| interactive(config))).await.unwrap();
        let mut attached = engine.attach_container("box", everything()).await.unwrap();
        let typing = tokio::spawn(async move {
            for _ in 0..100 {
                assert_eq!(attached.input.write(&[b'x'; 10_000]).await, AfterInput::More);
            }
            assert_eq!(attached.input.end().await, AfterInput::Listen);
        });
        engine.start_container("box").await.unwrap();
        let (out, err) = rest(&mut attached.output).await;
        assert_eq!((out.len(), err.as_str()), (1_000_000, "done\n"));
        soon(typing).await.unwrap();
        let wait = engine.wait_container("box", WaitCondition::NotRunning).await.unwrap();
        assert_eq!(soon(wait.outcome()).await.exit_code, 0);
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn clients_come_and_go_and_each_sees_what_is_written_while_it_is_there() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "echo first; while read line; do echo got $line; done";
        let keep_open = |config: &mut ContainerConfig| config.open_stdin = true;
        engine.create_container(shell("box", line, |config, _| keep_open(config))).await.unwrap();
        engine.start_container("box").await.unwrap();
        let kept = AttachOptions { logs: true, stdin: false, ..everything() };
        let mut watcher = engine.attach_container("box", kept).await.unwrap();
        until(&mut watcher.output, "first\n").await;
        for word in ["one", "two"] {
            let mut client = engine.attach_container("box", everything()).await.unwrap();
            client.input.write(format!("{word}\n").as_bytes()).await;
            assert_eq!(until(&mut client.output, "\n").await, format!("got {word}\n"));
            assert_eq!(until(&mut watcher.output, "\n").await, format!("got {word}\n"));
            assert_eq!(client.input.end().await, AfterInput::Leave, "the input is for the next client");
        }
        let with_log = AttachOptions { logs: true, ..everything() };
        let mut last = engine.attach_container("box", with_log).await.unwrap();
        last.input.write(b"three\n").await;
        assert_eq!(until(&mut last.output, "three\n").await, "first\ngot one\ngot two\ngot three\n");
        engine.kill_container("box", None).await.unwrap();
        assert_eq!(rest(&mut last.output).await, (String::new(), String::new()));
        engine.remove_container("box", FORCE).await.unwrap();
    });
}

#[test]
fn a_stalled_client_holds_nothing_up_but_one_from_the_start_gets_everything() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "read go; seq 1 700000; echo end >&2";
        let request = || shell("box", line, |config, _| config.open_stdin = true);
        engine.create_container(request()).await.unwrap();
        engine.start_container("box").await.unwrap();
        let mut stalled = engine.attach_container("box", everything()).await.unwrap();
        stalled.input.write(b"go\n").await;
        let wait = engine.wait_container("box", WaitCondition::NotRunning).await.unwrap();
        assert_eq!(soon(wait.outcome()).await.exit_code, 0, "the container did not wait for it");
        engine.remove_container("box", FORCE).await.unwrap();

        engine.create_container(request()).await.unwrap();
        let mut owner = engine.attach_container("box", everything()).await.unwrap();
        engine.start_container("box").await.unwrap();
        owner.input.write(b"go\n").await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(engine.inspect_container("box").await.unwrap().state.status, ContainerState::Running, "it waits");
        let (out, err) = rest(&mut owner.output).await;
        assert_eq!((out.lines().count(), out.lines().last(), err.as_str()), (700_000, Some("700000"), "end\n"));
        engine.remove_container("box", FORCE).await.unwrap();
    });
}

#[test]
fn a_client_that_is_left_behind_is_told_so() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "read go; seq 1 700000; : > /done; sleep 1000";
        engine.create_container(shell("box", line, |config, _| config.open_stdin = true)).await.unwrap();
        engine.start_container("box").await.unwrap();
        let mut stalled = engine.attach_container("box", everything()).await.unwrap();
        stalled.input.write(b"go\n").await;
        soon(async {
            while engine.container_path_stat("box", "/done").await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let (out, err) = rest(&mut stalled.output).await;
        assert!(out.starts_with("1\n2\n") && out.lines().count() < 700_000, "{}", out.lines().count());
        assert_eq!(err, "\r\nthe output goes on without this client, which did not keep up with it\r\n");
        engine.remove_container("box", FORCE).await.unwrap();
    });
}

#[test]
fn input_and_logs_outlive_the_engine() {
    on_own_ground(|ground| async move {
        drop(ground.engine_with_busybox().await);
        ground.engine_that_dies(|engine| async move {
            let line = "while read line; do echo got $line; done; echo end";
            engine.create_container(shell("box", line, |config, _| config.open_stdin = true)).await.unwrap();
            let mut attached = engine.attach_container("box", everything()).await.unwrap();
            engine.start_container("box").await.unwrap();
            attached.input.write(b"one\n").await;
            until(&mut attached.output, "got one\n").await;
            let id = engine.create_exec("box", command("sleep 2; exit 33")).await.unwrap();
            engine.start_exec(&id, ExecStart { detach: true, ..ExecStart::default() }).await.unwrap();
            let id_file = std::env::temp_dir().join(format!("berth-exec-{}", std::process::id()));
            std::fs::write(id_file, id).unwrap();
        });
        let engine = ground.engine().await;
        let id_file = std::env::temp_dir().join(format!("berth-exec-{}", std::process::id()));
        let exec = std::fs::read_to_string(&id_file).unwrap();
        std::fs::remove_file(id_file).unwrap();
        assert_eq!(engine.inspect_container("box").await.unwrap().execs, vec![exec.clone()]);
        assert!(engine.inspect_exec(&exec).unwrap().running);
        let mut attached = engine.attach_container("box", everything()).await.unwrap();
        attached.input.write(b"two\n").await;
        until(&mut attached.output, "got two\n").await;
        soon(async {
            while engine.inspect_exec(&exec).unwrap().running {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(engine.inspect_exec(&exec).unwrap().exit_code, Some(33));
        assert_eq!(output(&engine, "box").await, "got one\ngot two\n");
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn a_terminal_has_the_size_it_is_given_and_is_left_by_its_keys() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "while :; do read line; [ -n \"$line\" ] && $line; done";
        let terminal = |config: &mut ContainerConfig| (config.tty, config.open_stdin) = (true, true);
        engine.create_container(shell("box", line, |config, _| terminal(config))).await.unwrap();
        engine.start_container("box").await.unwrap();
        let mut attached = engine.attach_container("box", everything()).await.unwrap();
        assert!(attached.tty);
        engine.resize_container("box", 44, 111).await.unwrap();
        attached.input.write(b"stty size\n").await;
        until(&mut attached.output, "44 111\r\n").await;
        assert_eq!(attached.input.write(b"\x10\x11").await, AfterInput::Leave);
        assert_eq!(engine.inspect_container("box").await.unwrap().state.status, ContainerState::Running);
        engine.remove_container("box", FORCE).await.unwrap();
    });
}

#[test]
fn an_exec_is_what_was_asked() {
    on_own_ground(|ground| async move {
        let engine = running(&ground, |config| config.env = vec!["A=container".into(), "B=2".into()]).await;
        let (out, err, code) =
            exec(&engine, command("id -u; pwd; echo $A $B $HOME $HOSTNAME; echo oops >&2; exit 5")).await;
        let host = &engine.inspect_container("box").await.unwrap().id[..12];
        assert_eq!(out, format!("0\n/\ncontainer 2 /root {host}\n"));
        assert_eq!((err.as_str(), code), ("oops\n", Some(5)));
        let config = ExecConfig {
            user: "www".into(),
            working_dir: "/etc".into(),
            env: vec!["A=exec".into(), "C=3".into(), "B".into()],
            ..command("id; pwd; echo $A$B$C $HOME")
        };
        let (out, _, _) = exec(&engine, config).await;
        assert_eq!(out, "uid=33(www) gid=33(www) groups=50(extra)\n/etc\nexec3 /www\n");
        let bound = "grep CapEff /proc/self/status";
        assert_eq!(exec(&engine, command(bound)).await.0, "CapEff:\t00000000a80425fb\n");
        let privileged = ExecConfig { privileged: true, ..command(bound) };
        // No more can be granted than this test has.
        let own = std::fs::read_to_string("/proc/self/status").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix("CapPrm:\t")).unwrap();
        assert_eq!(exec(&engine, privileged).await.0, format!("CapEff:\t{own}\n"));
        let mut config = command("tty; stty size; echo $TERM");
        (config.tty, config.console_size) = (true, Some((12, 34)));
        assert_eq!(exec(&engine, config).await.0, "/dev/pts/0\r\n12 34\r\nxterm\r\n");
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn an_exec_is_talked_to_and_its_end_known_with_its_last_byte() {
    on_own_ground(|ground| async move {
        let engine = running(&ground, |_| {}).await;
        let config = ExecConfig { attach_stdin: true, ..command("cat; exit 6") };
        let (id, mut attached) = begin(&engine, config).await;
        assert_eq!(engine.inspect_container("box").await.unwrap().execs, vec![id.clone()]);
        let typing = tokio::spawn(async move {
            for _ in 0..100 {
                attached.input.write(&[b'y'; 20_000]).await;
            }
            attached.input.end().await
        });
        let (out, _) = rest(&mut attached.output).await;
        let details = engine.inspect_exec(&id).unwrap();
        assert_eq!((out.len(), details.running, details.exit_code), (2_000_000, false, Some(6)));
        assert_eq!(soon(typing).await.unwrap(), AfterInput::Listen);
        assert!(engine.inspect_container("box").await.unwrap().execs.is_empty());
        let again = engine.start_exec(&id, ExecStart::default()).await.err().unwrap();
        assert_eq!(again.to_string(), format!("Error: Exec command {id} has already run"));
        // The container's end is the exec's.
        let (id, mut attached) = begin(&engine, command("echo begun; sleep 1000")).await;
        until(&mut attached.output, "begun\n").await;
        engine.kill_container("box", None).await.unwrap();
        rest(&mut attached.output).await;
        assert_eq!(engine.inspect_exec(&id).unwrap().exit_code, Some(137));
        engine.remove_container("box", FORCE).await.unwrap();
        assert_eq!(engine.inspect_exec(&id).unwrap_err().to_string(), format!("No such exec instance: {id}"));
        assert_eq!(std::fs::read_dir(ground.dir.join("run/execs")).unwrap().count(), 0);
    });
}

#[test]
fn what_cannot_be_executed_is_told_in_dockers_words() {
    on_own_ground(|ground| async move {
        let engine = running(&ground, |_| {}).await;
        for (program, code, words) in [
            ("nope", 127, "exec: \"nope\": executable file not found in $PATH: unknown"),
            ("/etc/plain", 126, "exec: \"/etc/plain\": permission denied: unknown"),
        ] {
            let config = ExecConfig { cmd: vec![program.into()], ..command("") };
            let id = engine.create_exec("box", config).await.unwrap();
            let error = engine.start_exec(&id, ExecStart::default()).await.err().unwrap().to_string();
            let front = "OCI runtime exec failed: exec failed: unable to start container process: ";
            assert_eq!(error, format!("{front}{words}"));
            assert_eq!(engine.inspect_exec(&id).unwrap().exit_code, Some(code));
        }
        let config = ExecConfig { user: "nobody".into(), ..command("id") };
        let id = engine.create_exec("box", config).await.unwrap();
        let error = engine.start_exec(&id, ExecStart::default()).await.err().unwrap().to_string();
        assert!(error.contains("unable to find user nobody: no matching entries in passwd file"), "{error}");
        engine.kill_container("box", None).await.unwrap();
        let container = engine.inspect_container("box").await.unwrap().id;
        let error = engine.create_exec("box", command("true")).await.unwrap_err();
        assert_eq!(error.to_string(), format!("container {container} is not running"));
        engine.remove_container("box", FORCE).await.unwrap();
        assert_eq!(std::fs::read_dir(ground.dir.join("run/execs")).unwrap().count(), 0);
    });
}

#[test]
fn a_command_is_run_to_its_end_or_killed_in_time() {
    on_own_ground(|ground| async move {
        let engine = running(&ground, |_| {}).await;
        let run = |line: &str, limit| {
            let cmd = ["sh", "-c", line].map(str::to_owned).to_vec();
            engine.run_command("box", cmd, Duration::from_millis(limit))
        };
        let outcome = soon(run("echo out; echo err >&2; exit 3", 20_000)).await.unwrap();
        assert_eq!((outcome.exit_code, outcome.truncated), (Some(3), false));
        assert_eq!(outcome.output.len(), 8);
        let outcome = soon(run("seq 1 100000", 20_000)).await.unwrap();
        assert_eq!((outcome.exit_code, outcome.output.len(), outcome.truncated), (Some(0), 4096, true));
        let outcome = soon(run("echo begun; sleep 1000", 500)).await.unwrap();
        assert_eq!((outcome.exit_code, outcome.output), (None, b"begun\n".to_vec()));
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}
