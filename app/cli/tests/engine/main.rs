//! The program `berth` as a user runs it, against an engine that answers on a real socket with what docker would say.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

mod fake;
mod login;
mod ports;

use fake::{Engine, ID};
use serde_json::Value;
use std::{
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{net::UnixListener, process::Command};

struct Berth {
    engine: Engine,
    home: tempfile::TempDir,
}

impl Berth {
    fn with(engine: Engine) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("run")).unwrap();
        let listener = UnixListener::bind(home.path().join("run/docker.sock")).unwrap();
        let router = engine.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { engine, home }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
        command.args(arguments).env("BERTH_HOME", self.home.path()).stdin(Stdio::null()).kill_on_drop(true);
        // The logins and the keychain of whoever runs the tests play no part.
        command.env("DOCKER_CONFIG", self.home.path().join("docker"));
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        command
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.command(arguments).output().await.unwrap())
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn without_a_machine_every_verb_says_how_to_start_it() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (vec!["ps"], 1),
        (vec!["images"], 1),
        (vec!["stop", "a", "b"], 1),
        (vec!["logs", "a"], 1),
        (vec!["logs"], 1),
        (vec!["pull", "nginx"], 1),
        (vec!["inspect", "a"], 1),
        (vec!["run", "nginx"], 125),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
        command.args(&arguments).env("BERTH_HOME", home.path());
        let (found, _, err) = told(&command.output().await.unwrap());
        assert_eq!(err, "berth: the Berth machine is stopped; start it with: berth up\n", "{arguments:?}");
        assert_eq!(found, code, "{arguments:?}");
    }
    let status =
        Command::new(env!("CARGO_BIN_EXE_berth")).args(["status", "--json"]).env("BERTH_HOME", home.path()).output();
    let (code, out, _) = told(&status.await.unwrap());
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()["state"].as_str().unwrap()), (0, "stopped"));
}

#[tokio::test]
async fn a_run_in_the_foreground_pulls_attaches_starts_and_ends_with_the_containers_code() {
    let engine = Engine::new(Some(7));
    *engine.image_is_there.lock().unwrap() = false;
    let berth = Berth::with(engine);
    let (code, out, err) = berth.run(&["run", "nginx", "-x"]).await;
    assert_eq!((code, out.as_str()), (7, "out\n"), "{err}");
    let expected = "Unable to find image 'nginx' locally\nlatest: Pulling from library/nginx\naaa: Downloading\n\
                    aaa: Pull complete\nStatus: Downloaded newer image for nginx:latest\n\
                    WARNING: this is discarded [2J\nerr\n";
    assert_eq!(err, expected);
    let verbs: Vec<_> =
        berth.engine.heard().iter().map(|line| line.split(['?', ' ']).nth(1).unwrap().replace(ID, "ID")).collect();
    let expected = [
        "/containers/create",
        "/images/create",
        "/containers/create",
        "/containers/ID/attach",
        "/containers/ID/wait",
        "/containers/ID/start",
    ];
    assert_eq!(verbs, expected, "what happens at the start must not be missed");
}

#[tokio::test]
async fn an_end_that_is_known_long_after_the_output_is_no_detaching() {
    let mut engine = Engine::new(Some(7));
    engine.code_comes_after = Duration::from_millis(1500);
    let (code, _, err) = Berth::with(engine).run(&["run", "--rm", "nginx"]).await;
    assert_eq!(code, 7, "{err}");
}

#[tokio::test]
async fn in_the_background_only_the_id_is_printed() {
    let berth = Berth::with(Engine::new(None));
    let (code, out, err) = berth.run(&["run", "-d", "nginx"]).await;
    assert_eq!((code, out, err), (0, format!("{ID}\n"), "WARNING: this is discarded [2J\n".to_owned()));
    let (code, _, err) = berth.run(&["run", "-d", "-a", "stdout", "nginx"]).await;
    assert_eq!(code, 125);
    assert_eq!(err, "berth: conflicting options: cannot specify both --attach and --detach\n");
}

#[tokio::test]
async fn a_container_is_started_with_or_without_its_output() {
    let berth = Berth::with(Engine::new(Some(7)));
    assert_eq!(berth.run(&["start", "web", "db"]).await, (0, "web\ndb\n".into(), String::new()));
    assert_eq!(berth.run(&["container", "start", "-a", "web"]).await, (7, "out\n".into(), "err\n".into()));
    let (code, _, err) = berth.run(&["start", "-a", "web", "db"]).await;
    assert_eq!((code, err.as_str()), (1, "berth: you cannot start and attach multiple containers at once\n"));
}

#[tokio::test]
async fn who_attaches_to_the_input_alone_gets_the_id_and_waits_for_nothing() {
    let berth = Berth::with(Engine::new(None));
    let (code, out, _) = berth.run(&["run", "-i", "-a", "stdin", "nginx"]).await;
    assert_eq!((code, out), (0, format!("{ID}\n")));
    let attach = berth.engine.heard().into_iter().find(|line| line.contains("/attach")).unwrap();
    assert!(attach.ends_with("?stream=1&stdin=1"), "{attach}");
}

#[tokio::test]
async fn what_is_inspected_is_json_or_what_a_template_says() {
    let berth = Berth::with(Engine::new(None));
    assert_eq!(berth.run(&["inspect", "-f", "{{.State.Status}}", "web"]).await.1, "running\n");
    assert_eq!(berth.run(&["container", "inspect", "-sf", "{{.State.Running}}", "web"]).await.1, "true\n");
    assert!(berth.engine.heard().iter().any(|line| line.ends_with("/containers/web/json?size=1")));
    let (code, out, err) = berth.run(&["inspect", "--type", "volume", "web"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (1, "[]\n", "berth: No such volume: web\n"));
    assert_eq!(berth.run(&["inspect", "--type", "what", "web"]).await.0, 1);
}

#[tokio::test]
async fn a_taken_port_fails_the_run_with_what_to_do_and_leaves_no_rm_container() {
    let mut engine = Engine::new(None);
    engine.start_fails = Some("Bind for 127.0.0.1:8080 failed: port is already allocated");
    let berth = Berth::with(engine);
    let (code, _, err) = berth.run(&["run", "--rm", "-p", "8080:80", "nginx"]).await;
    assert_eq!(code, 125);
    let mut lines = err.lines();
    assert_eq!(lines.next(), Some("WARNING: this is discarded [2J"));
    assert_eq!(lines.next(), Some("berth: Bind for 127.0.0.1:8080 failed: port is already allocated"));
    assert!(lines.next().unwrap().starts_with("hint: "));
    assert!(berth.engine.heard().iter().any(|line| line.starts_with("DELETE ")));
}

#[tokio::test]
async fn a_signal_is_the_containers_and_its_code_the_commands() {
    let berth = Berth::with(Engine::new(None));
    let child = berth.command(&["run", "nginx"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once the start was asked for, the signals are in place.
    while !berth.engine.heard().iter().any(|line| line.contains("/start")) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let (code, ..) = told(&child.wait_with_output().await.unwrap());
    assert_eq!(code, 143);
    assert!(berth.engine.heard().iter().any(|line| line.ends_with("/kill?signal=TERM")));
}

#[tokio::test]
async fn one_unknown_name_fails_the_command_but_not_the_others() {
    let berth = Berth::with(Engine::new(None));
    let (code, out, err) = berth.run(&["stop", "web", "gone", "idle"]).await;
    assert_eq!((code, out.as_str()), (1, "web\nidle\n"));
    assert!(err.starts_with("berth: No such container: gone\n"), "{err}");
}

#[tokio::test]
async fn lists_are_tables_ids_or_json() {
    let berth = Berth::with(Engine::new(None));
    let (_, table, _) = berth.run(&["ps"]).await;
    assert!(table.starts_with("CONTAINER ID   IMAGE     COMMAND   CREATED"), "{table}");
    assert!(table.lines().nth(1).unwrap().ends_with("Up 2 minutes   127.0.0.1:8080->80/tcp   web"), "{table}");
    assert_eq!(berth.run(&["ps", "-aq"]).await.1, "0123456789ab\n");
    let (_, json, _) = berth.run(&["ps", "--format", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["Ports"], "127.0.0.1:8080->80/tcp");
    assert_eq!(berth.run(&["ps", "--format", "{{.Names}}"]).await.1, "web\n");
    let (code, _, err) = berth.run(&["ps", "--filter", "exited"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("expected name=value"), "{err}");
}

#[tokio::test]
async fn changes_are_lines_that_cannot_steer_the_terminal() {
    let berth = Berth::with(Engine::new(None));
    assert_eq!(berth.run(&["diff", "web"]).await.1, "D /etc/a [2J\nA /b\n");
}

#[tokio::test]
async fn an_export_is_whole_or_not_there() {
    let berth = Berth::with(Engine::new(None));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.tar");
    let output = output.to_str().unwrap();
    assert_eq!(berth.run(&["export", "web"]).await, (0, "archive".into(), String::new()));
    assert_eq!(berth.run(&["export", "-o", output, "web"]).await.0, 0);
    assert_eq!(std::fs::read(output).unwrap(), b"archive");
    let (code, _, err) = berth.run(&["export", "-o", output, "cut"]).await;
    assert_eq!(code, 1, "{err}");
    assert_eq!(std::fs::read(output).unwrap(), b"archive", "the old one stays");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half made stays");
    let (code, _, err) = berth.run(&["export", "-o", folder.path().to_str().unwrap(), "web"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("must be a regular file"), "{err}");
}

#[tokio::test]
async fn a_copy_out_lands_in_its_place_and_a_strangers_archive_nowhere_else() {
    let berth = Berth::with(Engine::new(None));
    let folder = tempfile::tempdir().unwrap();
    let (outer, into) = (folder.path().join("outer"), folder.path().join("outer/into"));
    std::fs::create_dir_all(&into).unwrap();
    let to = into.to_str().unwrap();
    assert_eq!(berth.run(&["cp", "web:/etc", to]).await, (0, String::new(), String::new()));
    let (code, _, err) = berth.run(&["cp", "-q=false", "web:/f", to]).await;
    assert_eq!((code, err), (0, format!("Successfully copied 2.05kB to {to}\n")));
    assert_eq!(std::fs::read_to_string(into.join("etc/f")).unwrap(), "text");

    let (code, _, err) = berth.run(&["cp", "evil:/etc", to]).await;
    assert_eq!(code, 1);
    assert!(err.contains("/etc/up/escaped"), "{err}");
    assert_eq!(std::fs::read_dir(&outer).unwrap().count(), 1, "nothing but into");
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 2, "etc and f");

    let (code, _, err) = berth.run(&["cp", "cut:/f", &format!("{to}/new")]).await;
    assert_eq!(code, 1);
    assert!(err.contains("connection to the Berth machine broke"), "{err}");
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 2, "nothing half made stays");

    let (code, out, _) = berth.run(&["cp", "web:/f", "-"]).await;
    assert_eq!((code, out.len()), (0, 2048));
    for (arguments, said) in [
        (["web:/none", to], "Could not find the file /none in container web"),
        (["web:/etc", &format!("{to}/f")], "cannot copy directory"),
        (["web:/f", &format!("{to}/new/")], "no such directory"),
        (["web:/f", "web:/g"], "copying between containers is not supported"),
        (["a", "b"], "must specify at least one container source"),
        (["", "web:/"], "source can not be empty"),
    ] {
        let (code, _, err) = berth.run(&[&["cp"][..], &arguments].concat()).await;
        assert_eq!((code, err.lines().next().unwrap()), (1, format!("berth: {said}").as_str()), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_copy_in_is_sent_as_docker_sends_it() {
    let berth = Berth::with(Engine::new(None));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    std::fs::write(folder.path().join("dir/big"), vec![7; 3 << 20]).unwrap();
    let from = format!("{}/dir", folder.path().display());
    let (code, _, err) = berth.run(&["cp", "-a", "-q=false", &from, "web:/etc"]).await;
    assert_eq!((code, err.as_str()), (0, "Successfully copied 3.15MB to web:/etc\n"));
    let (code, ..) = berth.run(&["cp", &format!("{from}/."), "web:/new"]).await;
    assert_eq!(code, 0);
    let heard = berth.engine.heard();
    let puts: Vec<_> = heard.iter().skip_while(|line| !line.starts_with("PUT")).collect();
    assert_eq!(
        puts[..2],
        ["PUT /containers/web/archive?path=%2Fetc&noOverwriteDirNonDir=true&copyUIDGID=true", "dir dir/big"]
    );
    assert!(heard.contains(&"PUT /containers/web/archive?path=%2F&noOverwriteDirNonDir=true".to_owned()), "{heard:?}");
    assert_eq!(heard.last().unwrap(), "new new/big");

    // It hangs up in the middle of what is sent: at another place each time.
    for _ in 0..20 {
        let (code, _, err) = berth.run(&["cp", &from, "full:/"]).await;
        assert_eq!((code, err.as_str()), (1, "berth: no space left on device\n"));
    }
    let (code, _, err) = berth.run(&["cp", "-", "web:/f"]).await;
    assert_eq!((code, err.as_str()), (1, "berth: destination \"web:/f\" must be a directory\n"));
}
