//! Containers write numbered lines while engines come and go: none ends, no line is lost or doubled.

use crate::count;
use berth_tests::native::{Engine, Ground, container};
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
        engine.kill();
        engine = Engine::start(&ground);
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
