//! Execs and attachments over a connection, on an engine with a fake runtime.

use axum::body::Body;
use berth_engine::{
    Engine, Timestamp,
    container::{ContainerConfig, CreateContainer},
    fake::Fakes,
    log::Stdio,
    seam::StartError,
};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::timeout,
};
use tower::ServiceExt;

struct Case {
    _dir: tempfile::TempDir,
    fakes: Fakes,
    engine: Engine,
    container: String,
}

impl Case {
    /// A running container with this terminal and input.
    async fn new(tty: bool, open_stdin: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fakes = Fakes::new(dir.path());
        let engine = fakes.engine().await.unwrap();
        let config = ContainerConfig { image: "busybox".into(), tty, open_stdin, ..ContainerConfig::default() };
        let request = CreateContainer { name: Some("box".into()), config, ..CreateContainer::default() };
        let container = engine.create_container(request).await.unwrap().id;
        engine.start_container("box").await.unwrap();
        Self { _dir: dir, fakes, engine, container }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = crate::router(self.engine.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn exec(&self, config: Value) -> String {
        let (status, answer) = self.ask("POST", "/v1.51/containers/box/exec", &config).await;
        assert_eq!(status, 201, "{answer}");
        answer["Id"].as_str().unwrap().to_owned()
    }

    /// A connection that has been handed over; its answer's head.
    async fn hijack(&self, path: &str, body: &str) -> (DuplexStream, String) {
        let (mut client, server) = duplex(1 << 16);
        let router = crate::router(self.engine.clone());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                router.clone().oneshot(request.map(Body::new))
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            let connection = http.half_close(true).serve_connection(TokioIo::new(server), service);
            connection.with_upgrades().await.unwrap();
        });
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: d\r\nconnection: Upgrade\r\nupgrade: tcp\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(client.read_u8().await.unwrap());
        }
        (client, String::from_utf8(answer).unwrap())
    }
}

async fn until(mut ready: impl FnMut() -> bool) {
    let reached = async {
        while !ready() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.unwrap();
}

async fn rest(client: &mut DuplexStream) -> Vec<u8> {
    let mut rest = Vec::new();
    timeout(Duration::from_secs(20), client.read_to_end(&mut rest)).await.unwrap().unwrap();
    rest
}

#[tokio::test]
async fn an_exec_is_talked_to_in_frames_and_inspected_afterwards() {
    let case = Case::new(false, false).await;
    let asked = json!({
        "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": ["sh", "-c", "x"], "User": "0:0",
        "Env": ["A=1"], "WorkingDir": "/etc", "Privileged": true, "DetachKeys": "a,ctrl-b",
    });
    let id = case.exec(asked).await;
    let (mut client, head) = case.hijack(&format!("/v1.51/exec/{id}/start"), "{\"Tty\":false}").await;
    assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
    assert!(head.contains("application/vnd.docker.multiplexed-stream"), "{head}");
    let runtime = &case.fakes.runtime;
    until(|| runtime.known().contains(&id)).await;
    client.write_all(b"typed").await.unwrap();
    client.shutdown().await.unwrap();
    until(|| runtime.typed(&id).so_far() == (b"typed".to_vec(), true)).await;
    let process = runtime.spec(&id);
    assert_eq!((&process["args"], &process["cwd"]), (&json!(["sh", "-c", "x"]), &json!("/etc")));
    assert!(process["env"].as_array().unwrap().contains(&json!("A=1")));
    runtime.print(&id, Stdio::Stdout, "out", Timestamp(1));
    runtime.print(&id, Stdio::Stderr, "err", Timestamp(1));
    runtime.end(&id, 7, Timestamp(1));
    assert_eq!(rest(&mut client).await, b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x03err");
    let (status, answer) = case.ask("GET", &format!("/exec/{id}/json"), &Value::Null).await;
    let expected = json!({
        "ID": id, "Running": false, "ExitCode": 7, "OpenStdin": true, "OpenStderr": true, "OpenStdout": true,
        "CanRemove": false, "ContainerID": case.container, "DetachKeys": "YQI=", "Pid": 0,
        "ProcessConfig": {
            "tty": false, "entrypoint": "sh", "arguments": ["-c", "x"], "privileged": true, "user": "0:0",
        },
    });
    assert_eq!((status, &answer), (StatusCode::OK, &expected));
    serde_json::from_value::<bollard_stubs::models::ExecInspectResponse>(answer).unwrap();
}

#[tokio::test]
async fn a_terminal_is_raw_resized_and_left_by_its_keys() {
    let case = Case::new(false, false).await;
    let asked = json!({ "AttachStdin": true, "AttachStdout": true, "Tty": true, "Cmd": ["sh"], "ConsoleSize": [1, 2] });
    let id = case.exec(asked).await;
    let (mut client, head) = case.hijack(&format!("/v1.51/exec/{id}/start"), "{\"ConsoleSize\":[24,80]}").await;
    assert!(head.contains("application/vnd.docker.raw-stream"), "{head}");
    let runtime = &case.fakes.runtime;
    until(|| runtime.known().contains(&id)).await;
    assert_eq!(runtime.spec(&id)["consoleSize"], json!({ "height": 24, "width": 80 }));
    let (status, _) = case.ask("POST", &format!("/exec/{id}/resize?h=30&w=90"), &Value::Null).await;
    assert_eq!((status, runtime.sizes()), (StatusCode::OK, vec![(id.clone(), 30, 90)]));
    runtime.print(&id, Stdio::Stdout, "raw", Timestamp(1));
    let mut seen = [0; 3];
    client.read_exact(&mut seen).await.unwrap();
    client.write_all(b"ls\x10\x11").await.unwrap();
    assert_eq!((&seen, rest(&mut client).await), (b"raw", vec![]));
    assert_eq!(runtime.typed(&id).so_far(), (b"ls".to_vec(), false));
    let (_, answer) = case.ask("GET", &format!("/exec/{id}/json"), &Value::Null).await;
    assert_eq!(answer["Running"], true, "it goes on");
    let (_, container) = case.ask("GET", "/containers/box/json", &Value::Null).await;
    assert_eq!(container["ExecIDs"], json!([id]));
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_dockers_way() {
    let case = Case::new(false, false).await;
    let (status, answer) = case.ask("POST", "/containers/box/exec", &json!({ "Cmd": [] })).await;
    assert_eq!((status.as_u16(), &answer["message"]), (400, &json!("No exec command specified")));
    let (status, answer) =
        case.ask("POST", "/containers/box/exec", &json!({ "Cmd": ["x"], "DetachKeys": "what" })).await;
    assert_eq!((status.as_u16(), &answer["message"]), (400, &json!("Invalid escape keys (what) provided")));
    for (method, path) in [("GET", "/exec/abc/json"), ("POST", "/exec/abc/start"), ("POST", "/exec/abc/resize?h=1&w=1")]
    {
        let (status, answer) = case.ask(method, path, &Value::Null).await;
        assert_eq!((status.as_u16(), &answer["message"]), (404, &json!("No such exec instance: abc")), "{path}");
    }
    let (status, answer) = case.ask("POST", "/containers/box/resize?h=x&w=1", &Value::Null).await;
    assert_eq!((status.as_u16(), &answer["message"]), (400, &json!("invalid resize height \"x\": it is not a number")));

    let asked = json!({ "AttachStdout": true, "Cmd": ["nope"] });
    let id = case.exec(asked.clone()).await;
    case.fakes.runtime.fail_next(StartError::NotFound("exec: \"nope\": executable file not found in $PATH".into()));
    let (mut client, _) = case.hijack(&format!("/exec/{id}/start"), "{}").await;
    let sentence = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown\r\n";
    assert_eq!(&rest(&mut client).await[8..], sentence.as_bytes());
    assert_eq!(case.ask("GET", &format!("/exec/{id}/json"), &Value::Null).await.1["ExitCode"], 127);
    let detached = case.exec(asked.clone()).await;
    case.fakes.runtime.fail_next(StartError::NotExecutable("exec: \"nope\": permission denied".into()));
    let (status, answer) = case.ask("POST", &format!("/exec/{detached}/start"), &json!({ "Detach": true })).await;
    assert_eq!(status, 400, "{answer}");

    let late = case.exec(asked).await;
    case.engine.kill_container("box", None).await.unwrap();
    let (status, answer) = case.ask("POST", "/containers/box/exec", &json!({ "Cmd": ["x"] })).await;
    let not_running = format!("container {} is not running", case.container);
    assert_eq!((status.as_u16(), &answer["message"]), (409, &json!(not_running)));
    assert_eq!(case.ask("POST", &format!("/exec/{late}/start"), &json!({})).await.0, 404);
    assert_eq!(case.ask("POST", "/containers/box/resize?h=1&w=1", &Value::Null).await.0, 409);
}

#[tokio::test]
async fn a_container_is_attached_to_with_its_input() {
    let case = Case::new(true, true).await;
    let path = "/v1.51/containers/box/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x";
    let (mut client, head) = case.hijack(path, "").await;
    assert!(head.contains("application/vnd.docker.raw-stream"), "{head}");
    let runtime = &case.fakes.runtime;
    client.write_all(b"hello\x18dropped").await.unwrap();
    assert_eq!(rest(&mut client).await, b"");
    assert_eq!(runtime.typed(&case.container).so_far(), (b"hello".to_vec(), false));
    assert_eq!(case.ask("POST", "/containers/box/resize?h=5&w=6", &Value::Null).await.0, 200);
    assert_eq!(runtime.sizes(), [(case.container.clone(), 5, 6)]);
    let (status, answer) = case.ask("POST", "/containers/box/attach?stream=1&detachKeys=xy", &Value::Null).await;
    assert_eq!((status.as_u16(), &answer["message"]), (400, &json!("Invalid detach keys (xy) provided")));
}
