//! The OCI verbs.

use std::{
    fs,
    io::IoSliceMut,
    os::{fd::AsRawFd, unix::net::UnixListener},
    thread,
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::json;

use crate::fixture::{Fixture, eventually};

#[test]
fn a_container_goes_from_created_to_running_to_stopped_to_gone() {
    let fixture = Fixture::new("sleep 1000").with(|spec| spec["annotations"] = json!({ "a": "b" }));
    let id = fixture.id.as_str();
    fixture.create();
    let created = fixture.state();
    assert_eq!(created["status"], "created");
    assert_eq!((&created["id"], &created["annotations"]["a"]), (&json!(id), &json!("b")));
    assert_eq!(created["bundle"], fixture.path().canonicalize().unwrap().to_str().unwrap());
    let pid = created["pid"].as_u64().unwrap();
    let command = || fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(command().contains("create"));

    fixture.succeed(&["start", id]);
    assert!(eventually(|| command() == "sleep\x001000\0"));
    assert_eq!(fixture.state()["status"], "running");
    assert!(fixture.fail(&["start", id]).contains("has been started already"));
    assert!(fixture.fail(&["delete", id]).contains("it is running; stop it or use --force"));
    assert!(fixture.fail(&["create", "--bundle", fixture.path().to_str().unwrap(), id]).contains("already exists"));

    fixture.succeed(&["kill", id, "KILL"]);
    assert!(eventually(|| fixture.state()["status"] == "stopped"));
    assert!(fixture.state().get("pid").is_none());
    assert!(fixture.fail(&["kill", id, "KILL"]).contains("is not running"));
    assert!(fixture.fail(&["start", id]).contains("it has ended"));
    fixture.succeed(&["delete", id]);
    for verb in ["state", "start", "kill", "delete"] {
        assert!(fixture.fail(&[verb, id]).contains(&format!("container {id} does not exist")));
    }
    fixture.succeed(&["delete", "--force", id]);
}

#[test]
fn a_created_container_can_be_deleted_and_a_running_one_by_force() {
    let fixture = Fixture::new("sleep 1000");
    for starts in [false, true] {
        fixture.create();
        let pid = fixture.state()["pid"].as_u64().unwrap();
        if starts {
            fixture.succeed(&["start", &fixture.id]);
        }
        fixture.succeed(&["delete", if starts { "--force" } else { "--" }, &fixture.id]);
        assert!(eventually(|| !fs::exists(format!("/proc/{pid}")).unwrap()));
        assert_eq!(fs::read_dir(fixture.path().join("state")).unwrap().count(), 0);
    }
}

#[test]
fn the_process_id_goes_to_the_file_asked_for() {
    let fixture = Fixture::new("sleep 1000");
    fixture.write_config();
    let file = fixture.path().join("pid");
    let (bundle, file) = (fixture.path().to_str().unwrap(), file.to_str().unwrap());
    let arguments = ["create", "--bundle", bundle, "--pid-file", file, &fixture.id];
    let status = fixture.command(&arguments).stdout(std::process::Stdio::null()).status();
    assert!(status.unwrap().success());
    assert_eq!(fs::read_to_string(file).unwrap(), fixture.state()["pid"].to_string());
}

#[test]
fn an_error_is_one_line_here_and_one_in_the_log_file() {
    let fixture = Fixture::new("").with(|spec| spec["process"]["args"] = json!(["nope"]));
    fixture.write_config();
    let log = fixture.path().join("errors.json");
    let (bundle, log_file) = (fixture.path().to_str().unwrap(), log.to_str().unwrap());
    let complaint = fixture.fail(&["--log", log_file, "create", "--bundle", bundle, &fixture.id]);
    assert_eq!(complaint, "berth-runtime: exec: \"nope\": executable file not found in $PATH\n");
    let entry: serde_json::Value = serde_json::from_slice(&fs::read(log).unwrap()).unwrap();
    assert_eq!(entry["msg"], "exec: \"nope\": executable file not found in $PATH");
    assert_eq!(entry["level"], "error");
}

#[test]
fn what_is_not_done_is_refused_and_named() {
    for (pointer, value) in [
        ("hooks", json!({ "prestart": [{ "path": "/bin/true" }] })),
        ("process.apparmorProfile", json!("docker-default")),
        ("linux.intelRdt", json!({ "closID": "x" })),
    ] {
        let fixture = Fixture::new("true").with(|spec| {
            let path = format!("/{}", pointer.replace('.', "/"));
            let (parent, key) = path.rsplit_once('/').unwrap();
            spec.pointer_mut(parent).unwrap()[key] = value;
        });
        let message = fixture.refused()["message"].to_string();
        assert!(message.contains(&format!("{pointer} is not supported; remove it from config.json")), "{message}");
    }
}

#[test]
fn a_broken_bundle_is_explained() {
    let fixture = Fixture::new("true");
    let create = ["create", "--bundle", fixture.path().to_str().unwrap(), &fixture.id];
    assert!(fixture.fail(&create).contains("config.json: no such file or directory"));
    fs::write(fixture.path().join("config.json"), "{").unwrap();
    assert!(fixture.fail(&create).contains("parse"));
    let fixture = Fixture::new("true").with(|spec| spec["root"]["path"] = json!("nowhere"));
    assert!(fixture.refused()["message"].as_str().unwrap().contains("nowhere does not exist"));
    let fixture = Fixture::new("true").with(|spec| spec["process"]["args"] = json!([]));
    assert!(fixture.refused()["message"].as_str().unwrap().contains("process.args is empty"));
}

#[test]
fn the_terminal_goes_to_the_console_socket() {
    let fixture = Fixture::new("sleep 1000").with(|spec| spec["process"]["terminal"] = json!(true));
    fixture.write_config();
    let bundle = fixture.path().to_str().unwrap();
    assert!(fixture.fail(&["create", "--bundle", bundle, &fixture.id]).contains("give --console-socket"));
    let socket = fixture.path().join("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let receiver = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut text, mut space) = ([0; 64], nix::cmsg_space!([i32; 1]));
        let mut buffer = [IoSliceMut::new(&mut text)];
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut buffer, Some(&mut space), MsgFlags::empty()).unwrap();
        let Some(ControlMessageOwned::ScmRights(received)) = message.cmsgs().unwrap().next() else {
            panic!("no descriptor")
        };
        fs::read_link(format!("/proc/self/fd/{}", received[0])).unwrap()
    });
    let arguments = ["create", "--bundle", bundle, "--console-socket", socket.to_str().unwrap(), &fixture.id];
    fixture.succeed(&arguments);
    assert!(receiver.join().unwrap().ends_with("ptmx"));
}

#[test]
fn features_are_told() {
    let features: serde_json::Value = serde_json::from_str(&Fixture::new("").succeed(&["features"])).unwrap();
    assert_eq!(features["linux"]["cgroup"]["v2"], true);
    assert!(features["linux"]["capabilities"].as_array().unwrap().contains(&json!("CAP_SYS_ADMIN")));
    assert!(features["mountOptions"].as_array().unwrap().contains(&json!("rro")));
}
