//! The program `berth` as a user runs it, against an engine that answers on a real socket with what docker would say.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, delete, get, post},
};
use base64::Engine as _;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::UnixListener, process::Command, sync::watch};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One container's life, and everything that was asked.
#[derive(Clone)]
struct Engine {
    asked: Arc<Mutex<Vec<String>>>,
    /// The exit code, once it has ended.
    ended: watch::Sender<Option<i64>>,
    image_is_there: Arc<Mutex<bool>>,
    /// What a start fails with.
    start_fails: Option<&'static str>,
    /// How it ends by itself once started; `None`: only by a signal.
    exits: Option<i64>,
    /// How long after its output its end is known.
    code_comes_after: Duration,
}

impl Engine {
    fn new(exits: Option<i64>) -> Self {
        let image_is_there = Arc::new(Mutex::new(true));
        Self {
            asked: Arc::default(),
            ended: watch::channel(None).0,
            image_is_there,
            start_fails: None,
            exits,
            code_comes_after: Duration::ZERO,
        }
    }

    fn heard(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/containers/json", get(list))
            .route("/containers/create", post(create))
            .route("/containers/{id}", delete(remove))
            .route("/containers/{id}/attach", post(attach))
            .route("/containers/{id}/wait", post(wait))
            .route("/containers/{id}/start", post(start))
            .route("/containers/{id}/stop", post(stop))
            .route("/containers/{id}/kill", post(kill))
            .route(
                "/containers/{id}/changes",
                get(|| async { r#"[{"Path":"/etc/a\u001b[2J","Kind":2},{"Path":"/b","Kind":1}]"# }),
            )
            .route("/containers/{id}/export", get(export))
            .route("/containers/{id}/archive", get(archive).put(put_archive))
            .route("/containers/{id}/json", get(async || Json(json!({ "Id": ID, "State": { "Running": true } }))))
            .route("/images/create", post(pull))
            .fallback(any(|| async { StatusCode::NOT_FOUND }))
            .layer(axum::middleware::from_fn_with_state(self.clone(), record))
            .with_state(self.clone())
    }
}

async fn record(State(engine): State<Engine>, request: Request, next: axum::middleware::Next) -> Response {
    engine.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
    next.run(request).await
}

fn no(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

async fn list() -> Json<Value> {
    Json(json!([{
        "Id": ID, "Names": ["/web"], "Image": "nginx", "Command": "nginx", "Created": 0, "State": "running",
        "Status": "Up 2 minutes", "Labels": {},
        "Ports": [{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
    }]))
}

async fn create(State(engine): State<Engine>, Json(_): Json<Value>) -> Response {
    if !*engine.image_is_there.lock().unwrap() {
        return no(StatusCode::NOT_FOUND, "No such image: nginx:latest");
    }
    (StatusCode::CREATED, Json(json!({"Id": ID, "Warnings": []}))).into_response()
}

async fn pull(State(engine): State<Engine>) -> String {
    *engine.image_is_there.lock().unwrap() = true;
    let lines = [
        json!({"status": "Pulling from library/nginx", "id": "latest"}),
        json!({"status": "Downloading", "id": "aaa", "progressDetail": {"current": 1, "total": 2}}),
        json!({"status": "Downloading", "id": "aaa", "progressDetail": {"current": 2, "total": 2}}),
        json!({"status": "Pull complete", "id": "aaa", "progressDetail": {}}),
        json!({"status": "Status: Downloaded newer image for nginx:latest"}),
    ];
    lines.map(|line| format!("{line}\r\n")).concat()
}

async fn attach(State(engine): State<Engine>, mut request: Request) -> Response {
    let connection = hyper::upgrade::on(&mut request);
    let mut ended = engine.ended.subscribe();
    tokio::spawn(async move {
        let mut stream = TokioIo::new(connection.await.unwrap());
        ended.wait_for(Option::is_some).await.unwrap();
        for (kind, text) in [(1, "out\n"), (2, "err\n")] {
            stream.write_all(&[kind, 0, 0, 0, 0, 0, 0, 4]).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        stream.shutdown().await.unwrap();
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    response.header("connection", "Upgrade").header("upgrade", "tcp").body(Body::empty()).unwrap()
}

async fn wait(State(engine): State<Engine>) -> Body {
    let mut ended = engine.ended.subscribe();
    Body::from_stream(futures_util::stream::once(async move {
        let code = *ended.wait_for(Option::is_some).await.unwrap();
        tokio::time::sleep(engine.code_comes_after).await;
        Ok::<_, std::convert::Infallible>(format!("{}\n", json!({ "StatusCode": code })))
    }))
}

async fn start(State(engine): State<Engine>) -> Response {
    if let Some(message) = engine.start_fails {
        return no(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    if engine.exits.is_some() {
        engine.ended.send_replace(engine.exits);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn stop(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "gone" => no(StatusCode::NOT_FOUND, "No such container: gone"),
        "idle" => StatusCode::NOT_MODIFIED.into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn kill(State(engine): State<Engine>, Query(query): Query<HashMap<String, String>>) -> StatusCode {
    let code = match query["signal"].as_str() {
        "TERM" => 143,
        "INT" => 130,
        other => panic!("signal {other}"),
    };
    engine.ended.send_replace(Some(code));
    StatusCode::NO_CONTENT
}

/// An archive, and one that is cut off in the middle.
async fn export(Path(name): Path<String>) -> Body {
    let end = if name == "cut" { Err(std::io::Error::other("cut")) } else { Ok("chive") };
    Body::from_stream(futures_util::stream::iter([Ok("ar"), end]))
}

/// `/etc` as an archive, with what the name of the container asks for.
async fn archive(Path(name): Path<String>, Query(query): Query<HashMap<String, String>>) -> Response {
    let path = query["path"].as_str();
    let (base, mode) = match path {
        "/" => ("/", 1_u32 << 31),
        "/etc" => ("etc", 1_u32 << 31),
        "/f" => ("f", 0o644),
        _ => return no(StatusCode::NOT_FOUND, &format!("Could not find the file {path} in container {name}")),
    };
    let stat = json!({ "name": base, "size": 2, "mode": mode, "mtime": "2026-01-01T00:00:00Z", "linkTarget": "" });
    let stat = base64::engine::general_purpose::STANDARD.encode(stat.to_string());
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        if kind == tar::EntryType::Symlink {
            header.set_link_name(text).unwrap();
        }
        let text = if kind == tar::EntryType::Symlink { "" } else { text };
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        header.set_mtime(0);
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    };
    if path == "/f" {
        add("f", tar::EntryType::Regular, "text");
    } else {
        add("etc", tar::EntryType::Directory, "");
        add("etc/f", tar::EntryType::Regular, "text");
        if name == "evil" {
            add("etc/up", tar::EntryType::Symlink, "../..");
            add("etc/up/escaped", tar::EntryType::Regular, "x");
        }
    }
    let mut bytes = archive.into_inner().unwrap();
    if name == "cut" {
        bytes.truncate(600);
        let cut = futures_util::stream::iter([Ok(bytes::Bytes::from(bytes)), Err(std::io::Error::other("cut"))]);
        return ([("x-docker-container-path-stat", stat)], Body::from_stream(cut)).into_response();
    }
    ([("x-docker-container-path-stat", stat)], bytes).into_response()
}

/// Takes an archive and keeps its names among what was asked.
async fn put_archive(State(engine): State<Engine>, Path(name): Path<String>, body: Body) -> Response {
    if name == "full" {
        return no(StatusCode::INTERNAL_SERVER_ERROR, "no space left on device");
    }
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut archive = tar::Archive::new(&bytes[..]);
    let names: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
    engine.asked.lock().unwrap().push(names.join(" "));
    StatusCode::OK.into_response()
}

async fn remove() -> StatusCode {
    StatusCode::NO_CONTENT
}

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
                    aaa: Pull complete\nStatus: Downloaded newer image for nginx:latest\nerr\n";
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
    assert_eq!((code, out, err), (0, format!("{ID}\n"), String::new()));
}

#[tokio::test]
async fn a_taken_port_fails_the_run_with_what_to_do_and_leaves_no_rm_container() {
    let mut engine = Engine::new(None);
    engine.start_fails = Some("Bind for 127.0.0.1:8080 failed: port is already allocated");
    let berth = Berth::with(engine);
    let (code, _, err) = berth.run(&["run", "--rm", "-p", "8080:80", "nginx"]).await;
    assert_eq!(code, 125);
    let mut lines = err.lines();
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

    let (code, _, err) = berth.run(&["cp", &from, "full:/"]).await;
    assert_eq!((code, err.as_str()), (1, "berth: no space left on device\n"));
    let (code, _, err) = berth.run(&["cp", "-", "web:/f"]).await;
    assert_eq!((code, err.as_str()), (1, "berth: destination \"web:/f\" must be a directory\n"));
}
