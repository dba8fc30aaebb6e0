//! Bodies with anything anywhere, through the whole router onto an engine: each gets docker's kind of answer, and a
//! container that was not made is not there.

use axum::body::Body;
use berth_engine::{Engine, fake::Fakes};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

struct Case {
    _dir: tempfile::TempDir,
    runtime: Runtime,
    engine: Engine,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let engine = runtime.block_on(Fakes::new(dir.path()).engine()).unwrap();
        Self { _dir: dir, runtime, engine }
    }

    fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(body.into()).unwrap();
        self.runtime.block_on(async {
            let response = crate::router(self.engine.clone()).oneshot(request).await.unwrap();
            let status = response.status();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        })
    }

    /// Status and text of a request, whose refusal must be the client's fault and say why.
    fn answer(&self, method: &str, path: &str, body: impl Into<Body>) -> Result<(StatusCode, Value), TestCaseError> {
        let (status, answer) = self.ask(method, path, body);
        if !status.is_success() {
            prop_assert!(status.is_client_error(), "{method} {path}: {status} {answer}");
            let said = answer["message"].as_str().unwrap_or_default();
            prop_assert!(!said.trim().is_empty(), "{method} {path}: {status} {answer}");
        }
        Ok((status, answer))
    }

    fn containers(&self) -> usize {
        self.ask("GET", "/containers/json?all=1", Body::empty()).1.as_array().unwrap().len()
    }

    /// Creates, and when that works looks, starts and removes.
    fn create(&self, body: Vec<u8>) -> Result<(), TestCaseError> {
        let (status, made) = self.answer("POST", "/containers/create", body)?;
        prop_assert_eq!(self.containers(), usize::from(status == StatusCode::CREATED));
        if status == StatusCode::CREATED {
            let at = format!("/containers/{}", made["Id"].as_str().unwrap());
            prop_assert_eq!(self.ask("GET", &format!("{at}/json"), Body::empty()).0, StatusCode::OK);
            // A start may fail on this machine's account too; it must not fail in silence.
            let (status, answer) = self.ask("POST", &format!("{at}/start"), Body::empty());
            let said = answer["message"].as_str().unwrap_or_default();
            let is_told = status.is_success() || !said.is_empty() && !said.contains("see the engine's log");
            prop_assert!(is_told, "start: {status} {answer}");
            let removed = self.ask("DELETE", &format!("{at}?force=1&v=1"), Body::empty()).0;
            prop_assert!([StatusCode::NO_CONTENT, StatusCode::NOT_FOUND, StatusCode::CONFLICT].contains(&removed));
            prop_assert_eq!(self.left(), 0);
        }
        Ok(())
    }

    /// How many containers are left, once one that removes itself has had its time.
    fn left(&self) -> usize {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while self.containers() > 0 && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        self.containers()
    }
}

/// What docker sends, with something in every place that has a meaning.
fn create() -> Value {
    let mut body: Value = serde_json::from_str(include_str!("containers/create/docker_run.json")).unwrap();
    let more = json!({
        "Image": "busybox", "Cmd": ["sh", "-c", "x"], "Entrypoint": ["/init"], "User": "1:1", "WorkingDir": "/w",
        "Labels": { "a": "b" }, "StopSignal": "SIGTERM", "StopTimeout": 3, "Volumes": { "/v": {} }, "Tty": true,
        "Healthcheck": { "Test": ["CMD", "true"], "Interval": 1_000_000_000, "Timeout": 2_000_000, "Retries": 3 },
    });
    let host = json!({
        "Binds": ["db:/var/lib/db:ro", "/proc:/p2:ro,rprivate"], "AutoRemove": false, "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"],
        "Dns": ["1.1.1.1"], "ExtraHosts": ["a:1.2.3.4", "h:host-gateway"], "GroupAdd": ["5"], "IpcMode": "private",
        "PidMode": "host", "UTSMode": "", "SecurityOpt": ["no-new-privileges"], "ShmSize": 65_536, "Memory": 67_108_864,
        "MemorySwap": -1, "NanoCpus": 1_500_000_000, "CpuShares": 10, "CpusetCpus": "0-1", "PidsLimit": 10,
        "BlkioWeight": 300, "OomScoreAdj": 5,
        "Ulimits": [{ "Name": "nofile", "Soft": 1024, "Hard": 2048 }], "Sysctls": { "net.ipv4.ip_forward": "1" },
        "Devices": [{ "PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "rw" }],
        "DeviceCgroupRules": ["c 1:3 r"], "Tmpfs": { "/tmp": "size=1m" }, "MaskedPaths": ["/a"], "ReadonlyPaths": ["/b"],
        "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 2 }, "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } },
        "Mounts": [
            { "Type": "volume", "Source": "db", "Target": "/db", "VolumeOptions": { "NoCopy": true } },
            { "Type": "tmpfs", "Target": "/t2", "TmpfsOptions": { "SizeBytes": 4096, "Mode": 493 } },
            { "Type": "bind", "Source": "/proc", "Target": "/p", "ReadOnly": true, "BindOptions": { "Propagation": "rprivate" } },
        ],
    });
    merge(&mut body, more);
    merge(&mut body["HostConfig"], host);
    // Lists that are empty in both are places for nothing.
    let host = body["HostConfig"].as_object_mut().unwrap();
    host.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!("") && *value != json!(0));
    body
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

#[test]
fn a_network_is_made_of_any_body_or_not_at_all() {
    let case = Case::new();
    let made = json!({ "Name": "a", "Driver": "bridge", "EnableIPv6": true, "Internal": false, "Attachable": true,
        "IPAM": { "Driver": "default", "Options": {}, "Config": [{ "Subnet": "10.5.0.0/24", "IPRange": "10.5.0.128/25",
            "Gateway": "10.5.0.1", "AuxiliaryAddresses": { "router": "10.5.0.5" } }] },
        "Options": { "com.docker.network.driver.mtu": "1400", "parent": "eth0" }, "Labels": { "a": "b" } });
    let connected = json!({ "Container": "box", "EndpointConfig": { "IPAMConfig": { "IPv4Address": "10.5.0.9" },
        "Aliases": ["x"], "Links": ["box:y"], "DriverOpts": { "a": "b" }, "GwPriority": 1, "MacAddress": "" } });
    let (status, _) = case.ask("POST", "/containers/create?name=box", r#"{"Image": "busybox"}"#);
    assert_eq!(status, StatusCode::CREATED);
    proptest!(|(made in berth_fuzz::changed(made), connected in berth_fuzz::changed(connected))| {
        let (status, answer) = case.answer("POST", "/networks/create", made.to_string())?;
        let networks = case.ask("GET", "/networks", Body::empty()).1.as_array().unwrap().len();
        prop_assert_eq!(networks, 3 + usize::from(status == StatusCode::CREATED));
        if status == StatusCode::CREATED {
            let id = answer["Id"].as_str().unwrap();
            case.answer("POST", &format!("/networks/{id}/connect"), connected.to_string())?;
            case.answer("POST", &format!("/networks/{id}/disconnect"), connected.to_string())?;
            prop_assert_eq!(case.ask("DELETE", &format!("/networks/{id}"), Body::empty()).0, StatusCode::NO_CONTENT);
        }
    });
}

#[test]
fn what_is_changed_here_is_accepted_as_it_is() {
    let case = Case::new();
    let (status, answer) = case.ask("POST", "/containers/create", create().to_string());
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = case.ask("POST", "/containers/x/update", update().to_string());
    assert_eq!((status.as_u16(), &answer["message"]), (404, &json!("No such container: x")));
}

#[test]
fn a_container_asked_for_with_anything_anywhere_is_made_whole_or_not_at_all() {
    let case = Case::new();
    proptest!(|(body in berth_fuzz::changed(create()))| case.create(body.to_string().into_bytes())?);
}

#[test]
fn a_damaged_body_makes_a_whole_container_or_none() {
    let case = Case::new();
    proptest!(|(body in berth_fuzz::damaged(create().to_string().into_bytes()))| case.create(body)?);
}

fn update() -> Value {
    json!({
        "CpuShares": 512, "Memory": 67_108_864, "NanoCpus": 0, "BlkioWeight": 100, "CpuPeriod": 100_000, "CpuQuota": 50_000,
        "CpusetCpus": "0", "CpusetMems": "0", "MemoryReservation": 33_554_432, "MemorySwap": -1, "PidsLimit": 20,
        "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 },
    })
}

fn exec() -> Value {
    json!({
        "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": ["sh", "-c", "x"], "User": "0:0", "Tty": true,
        "Env": ["A=1"], "WorkingDir": "/etc", "Privileged": true, "DetachKeys": "ctrl-p,ctrl-q", "ConsoleSize": [24, 80],
    })
}

#[test]
fn a_running_container_outlives_every_update_and_exec() {
    let case = Case::new();
    let body = json!({ "Image": "busybox", "Cmd": ["sh"] }).to_string();
    assert_eq!(case.ask("POST", "/containers/create?name=box", body).0, 201);
    assert_eq!(case.ask("POST", "/containers/box/start", Body::empty()).0, 204);
    proptest!(|(update in berth_fuzz::changed(update()), exec in berth_fuzz::changed(exec()),
        start in berth_fuzz::changed(json!({ "Detach": true, "Tty": false, "ConsoleSize": [24, 80] })))| {
        case.answer("POST", "/containers/box/update", update.to_string())?;
        let (status, made) = case.answer("POST", "/containers/box/exec", exec.to_string())?;
        if status == StatusCode::CREATED {
            let id = made["Id"].as_str().unwrap();
            let mut start = start;
            // Attached, the answer would wait for an end that a fake process does not come to.
            if start.is_object() {
                start["Detach"] = json!(true);
                case.answer("POST", &format!("/exec/{id}/start"), start.to_string())?;
            }
        }
        let (_, inspected) = case.ask("GET", "/containers/box/json", Body::empty());
        prop_assert_eq!(&inspected["State"]["Running"], &json!(true));
    });
}
