//! Containers write numbered lines while engines come and go: none ends, no line is lost or doubled, and the
//! end of one that ends meanwhile is remembered.

use crate::count;
use berth_tests::eventually;
use berth_tests::native::{Client, Engine, Ground, container};
use std::path::PathBuf;
use std::time::Duration;

/// Fifty lines at once, then a pause: pipes are never empty for long and never full.
const WRITES: &str = "i=0; while :; do echo $i; i=$((i+1)); [ $((i%50)) = 0 ] && sleep 0.2; done";

#[test]
fn containers_do_not_notice_that_the_engine_restarts() {
    let (containers, restarts) = if count(0) == 0 { (4, 4) } else { (count(0), count(0)) };
    let ground = Ground::new();
    let mut engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    let ids: Vec<_> = (0..containers)
        .map(|n| {
            let id = client.create(&format!("writes{n}"), &container(&["sh", "-c", WRITES], "none"));
            assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
            id
        })
        .collect();
    let states = |engine: &Engine| -> Vec<(u64, String)> {
        let mut client = engine.client();
        let one = |id: &String| {
            let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
            assert_eq!(state["Status"], "running", "{id}: {state}");
            (state["Pid"].as_u64().expect("a process id"), state["StartedAt"].as_str().expect("a time").to_owned())
        };
        ids.iter().map(one).collect()
    };
    let before = states(&engine);
    for restart in 1..=restarts {
        std::thread::sleep(Duration::from_millis(60));
        let code = 1 + restart % 100;
        let leaves = leaver(&mut engine.client(), code);
        engine.kill();
        leaves.ends();
        engine = Engine::start(&ground);
        leaves.is_remembered(&mut engine.client(), code);
        assert_eq!(states(&engine), before, "restart {restart}");
    }
    let mut client = engine.client();
    for id in &ids {
        let stopped = client.request("POST", &format!("/containers/{id}/stop?t=0"), None);
        assert_eq!(stopped.status, 204, "{}", stopped.text());
        let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
        assert_eq!(state["ExitCode"], 137, "{state}");
        let logs = client.request("GET", &format!("/containers/{id}/logs?stdout=1&stderr=1"), None);
        assert_eq!(logs.status, 200);
        let lines = lines(&logs.body);
        assert!(lines.len() > usize::try_from(restarts).expect("a count") * 10, "{id} wrote {} lines", lines.len());
        for (n, line) in lines.iter().enumerate() {
            assert_eq!(*line, n.to_string(), "{id}: line {n} of {}", lines.len());
        }
        assert_eq!(client.request("DELETE", &format!("/containers/{id}"), None).status, 204);
    }
    assert_eq!(ground.traces(), berth_tests::native::Traces::default());
}

/// A container that ends while no engine is there.
struct Leaver {
    id: String,
    process: PathBuf,
}

fn leaver(client: &mut Client, code: u32) -> Leaver {
    let script = format!("sleep 0.3; echo last; exit {code}");
    let id = client.create("", &container(&["sh", "-c", &script], "bridge"));
    assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
    let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
    Leaver { process: PathBuf::from(format!("/proc/{}", state["Pid"])), id }
}

impl Leaver {
    fn ends(&self) {
        eventually("it ends", Duration::from_secs(60), || (!self.process.exists()).then_some(()));
    }

    fn is_remembered(&self, client: &mut Client, code: u32) {
        let Self { id, .. } = self;
        let state = client.request("GET", &format!("/containers/{id}/json"), None).ok()["State"].clone();
        assert_eq!((&state["Status"], &state["ExitCode"]), (&"exited".into(), &code.into()), "{state}");
        let logs = client.request("GET", &format!("/containers/{id}/logs?stdout=1"), None);
        assert_eq!(lines(&logs.body), ["last"]);
        assert_eq!(client.request("DELETE", &format!("/containers/{id}"), None).status, 204);
    }
}

/// The lines in docker's multiplexed stream: eight bytes in front of each frame, the last four its length.
fn lines(stream: &[u8]) -> Vec<String> {
    let (mut rest, mut text) = (stream, Vec::new());
    while let Some((header, after)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(header[4..].try_into().expect("four bytes")) as usize;
        text.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
    String::from_utf8(text).expect("digits").lines().map(str::to_owned).collect()
}
