//! An engine that answers with what docker would say.

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
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{io::AsyncWriteExt, sync::watch};

pub(crate) const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One container's life, and everything that was asked.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// What was shown of logins: with each pull and push its header, and the bodies of logins.
    pub(crate) shown: Arc<Mutex<Vec<String>>>,
    /// The exit code, once it has ended.
    pub(crate) ended: watch::Sender<Option<i64>>,
    pub(crate) image_is_there: Arc<Mutex<bool>>,
    /// What a start fails with.
    pub(crate) start_fails: Option<&'static str>,
    /// How it ends by itself once started; `None`: only by a signal.
    pub(crate) exits: Option<i64>,
    /// How long after its output its end is known.
    pub(crate) code_comes_after: Duration,
    /// As berthd lists them.
    pub(crate) ports: Arc<Mutex<Vec<Value>>>,
}

impl Engine {
    pub(crate) fn new(exits: Option<i64>) -> Self {
        let image_is_there = Arc::new(Mutex::new(true));
        Self {
            asked: Arc::default(),
            shown: Arc::default(),
            ended: watch::channel(None).0,
            image_is_there,
            start_fails: None,
            exits,
            code_comes_after: Duration::ZERO,
            ports: Arc::default(),
        }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn router(&self) -> Router {
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
            .route(
                "/containers/{id}/json",
                get(async || Json(json!({ "Id": ID, "State": { "Running": true, "Status": "running" } }))),
            )
            .route("/images/create", post(pull))
            .route("/auth", post(log_in))
            .route("/berth/v1/ports", get(ports))
            .route("/berth/v1/ports/share", post(share_ports))
            .fallback(any(|| async { StatusCode::NOT_FOUND }))
            .layer(axum::middleware::from_fn_with_state(self.clone(), record))
            .with_state(self.clone())
    }
}

async fn record(State(engine): State<Engine>, request: Request, next: axum::middleware::Next) -> Response {
    engine.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
    if let Some(header) = request.headers().get("x-registry-auth") {
        let bytes = base64::engine::general_purpose::URL_SAFE.decode(header).unwrap();
        engine.shown.lock().unwrap().push(String::from_utf8(bytes).unwrap());
    }
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
    (StatusCode::CREATED, Json(json!({"Id": ID, "Warnings": ["this is discarded\u{1b}[2J"]}))).into_response()
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

/// Takes the password `right`, and gives a token for it at `token.example`.
async fn log_in(State(engine): State<Engine>, Json(login): Json<Value>) -> Response {
    engine.shown.lock().unwrap().push(login.to_string());
    let server = login["serveraddress"].as_str().unwrap();
    if login["password"] != "right" {
        let said = format!("login attempt to https://{server}/v2/ failed with status: 401 Unauthorized");
        return no(StatusCode::UNAUTHORIZED, &said);
    }
    let token = if server == "token.example" { "t0ken" } else { "" };
    Json(json!({ "Status": "Login Succeeded", "IdentityToken": token })).into_response()
}

async fn ports(State(engine): State<Engine>) -> Json<Value> {
    Json(Value::from(engine.ports.lock().unwrap().clone()))
}

/// Opens what was published without an address, and keeps the wish among what was asked.
async fn share_ports(State(engine): State<Engine>, Json(wish): Json<Value>) -> Response {
    engine.asked.lock().unwrap().push(wish.to_string());
    let mut ports = engine.ports.lock().unwrap();
    let number: Option<u64> = wish["port"].as_str().map(|port| port.split('/').next().unwrap().parse().unwrap());
    let named = |port: &Value| number.is_none() || port["host_port"].as_u64() == number;
    if let Some(port) = ports.iter().find(|port| number.is_some() && named(port) && !port["given_ip"].is_null()) {
        let message = format!("port {} listens at 127.0.0.1, which was given when it was published", port["host_port"]);
        let hint = "publish it without an address";
        let problem = json!({ "code": "conflict", "message": message, "hint": hint });
        return (StatusCode::CONFLICT, Json(problem)).into_response();
    }
    for port in ports.iter_mut().filter(|port| named(port) && port["given_ip"].is_null()) {
        port["shared"] = wish["on"].clone();
    }
    Json(Value::from(ports.clone())).into_response()
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
