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
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
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
}

impl Engine {
    fn new(exits: Option<i64>) -> Self {
        let image_is_there = Arc::new(Mutex::new(true));
        Self { asked: Arc::default(), ended: watch::channel(None).0, image_is_there, start_fails: None, exits }
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
