//! Descriptors of the machine's tree, entered as working directory or left open.

use super::{exec, output, remove, run, start};
use crate::count;
use berth_tests::eventually;
use berth_tests::native::{Engine, Ground, image};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// CVE-2024-21626: the working directory of a container and of what is executed in it.
#[test]
fn no_descriptor_is_a_working_directory() {
    const DESCRIPTORS: u32 = 1024;
    let ground = Ground::new();
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    client.load(&image("busybox", &json!({}), |layer| layer.link("way", "/proc/self/fd/7")));
    let host = json!({ "NetworkMode": "none" });
    let open = client.create("", &run(&["sh", "-c", "ln -s /proc/self/fd/8 /own; sleep 100000"], host.clone()));
    start(&mut client, &open);
    let times = count(32).min(DESCRIPTORS);
    let step = (DESCRIPTORS / times) as usize;
    let descriptors = (0..DESCRIPTORS).step_by(step).map(|number| format!("/proc/self/fd/{number}"));
    let detours = ["/proc/thread-self/fd/7", "/proc/self/root", "/proc/self/cwd", "/way", "/own"];
    let mut refused = 0;
    for directory in descriptors.chain(detours.map(str::to_owned)) {
        let mut body = run(&["sh", "-c", "pwd; ls"], host.clone());
        body["WorkingDir"] = json!(directory);
        // The container has made this one itself.
        if directory != "/own" {
            let id = client.create("", &body);
            let started = client.request("POST", &format!("/containers/{id}/start"), None);
            assert!(started.status >= 400 && started.text().contains(&directory), "{directory}: {}", started.text());
            assert_eq!(output(&mut client, &id), "", "{directory}");
            remove(&mut client, &id);
        }
        let (started, code) = exec(&mut client, &open, &json!({ "Cmd": ["true"], "WorkingDir": directory }));
        assert!(started.status >= 400 && started.text().contains(&directory), "exec {directory}: {}", started.text());
        assert_ne!(code, json!(0), "exec {directory}");
        refused += 1;
    }
    println!("{refused} working directories refused, for a container and for an exec");
    remove(&mut client, &open);
}

/// What runs has its three streams and nothing else, whatever was open where it was made.
#[test]
fn a_program_has_three_descriptors() {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    for (tty, input) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut body = run(&["sleep", "100000"], json!({ "Binds": ["data:/data"] }));
        (body["Tty"], body["OpenStdin"]) = (json!(tty), json!(input));
        let id = client.create("", &body);
        start(&mut client, &id);
        let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
        has_three(&state["Pid"], &format!("tty {tty}, input {input}"));
        let execute = json!({ "Cmd": ["sleep", "100000"], "Tty": tty, "AttachStdin": input, "AttachStdout": true });
        let made = client.request("POST", &format!("/containers/{id}/exec"), Some(&execute)).ok();
        let exec = made["Id"].as_str().expect("an id");
        client.request("POST", &format!("/exec/{exec}/start"), Some(&json!({ "Detach": true, "Tty": tty }))).ok();
        let state = client.request("GET", &format!("/exec/{exec}/json"), None).ok();
        has_three(&state["Pid"], &format!("exec, tty {tty}, input {input}"));
        remove(&mut client, &id);
    }
}

fn has_three(pid: &serde_json::Value, who: &str) {
    let process = std::path::PathBuf::from(format!("/proc/{pid}"));
    eventually("the program runs", Duration::from_secs(30), || {
        let name = std::fs::read_to_string(process.join("comm")).expect("its name");
        (name == "sleep\n").then_some(())
    });
    let open = std::fs::read_dir(process.join("fd")).expect("its descriptors").flatten();
    let open: BTreeSet<_> = open.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(open, ["0", "1", "2"].map(str::to_owned).into(), "{who}");
}
