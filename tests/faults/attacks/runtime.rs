//! The runtime, overwritten through a process of a container that is the runtime.

use super::{exec, output, remove, start};
use crate::count;
use berth_tests::native::{Engine, Ground, image, program};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::process::Command;

/// Looks for a process of this command line, reopens its program for writing while it runs and after its end, and says
/// how that went.
const OVERWRITES: &str = "
    while :; do for p in /proc/[0-9]*; do case $(cat $p/cmdline 2>/dev/null) in *tr''ap*state*)
        exec 9< $p/exe
        (echo overwritten > $p/exe) 2>&1
        (echo overwritten > /proc/self/fd/9) 2>&1
        kill -9 ${p#/proc/}; while [ -e $p ]; do :; done
        (echo overwritten > /proc/self/fd/9) 2>&1
    esac; done; done";

/// CVE-2019-5736: containers and executed processes whose program is the runtime, held up by a pipe that nobody writes
/// to, in sight of one that overwrites it.
#[test]
fn the_runtime_is_not_overwritten() {
    let runtime = program("berth-runtime");
    let hash = || Sha256::digest(std::fs::read(&runtime).expect("the runtime"));
    let before = hash();
    let ground = Ground::new();
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    client.load(&image("trap", &json!({}), |layer| {
        for library in libraries(&runtime) {
            layer.file(library.trim_start_matches('/'), 0o755, &std::fs::read(&library).expect("a library"));
        }
        layer.entry("trap/x/state.json", tar::EntryType::Fifo, 0o644);
    }));
    let body = |command: &[&str], host: Value| json!({ "Image": "trap", "Cmd": command, "HostConfig": host });
    let attacker = client.create("", &body(&["sh", "-c", OVERWRITES], json!({ "CapAdd": ["ALL"] })));
    start(&mut client, &attacker);
    let itself = ["/proc/self/exe", "--root", "/trap", "state", "x"];
    let times = count(15);
    for n in 0..times {
        let victim = client.create("", &body(&itself, json!({ "PidMode": format!("container:{attacker}") })));
        start(&mut client, &victim);
        client.request("POST", &format!("/containers/{victim}/wait"), None).ok();
        remove(&mut client, &victim);
        let (started, code) = exec(&mut client, &attacker, &json!({ "Cmd": itself }));
        assert_eq!((started.status, code), (200, json!(137)), "exec {n}: {}", started.text());
        assert_eq!(hash(), before, "after start and exec {n}");
    }
    let refusals = output(&mut client, &attacker);
    let count = refusals.matches("Read-only file system").count();
    println!("{times} starts and {times} execs of the runtime, {count} writes to it refused");
    assert_eq!(u32::try_from(count), Ok(6 * times), "{refusals}");
    remove(&mut client, &attacker);
}

/// The libraries of a program that is not static.
pub(super) fn libraries(program: &std::path::Path) -> Vec<String> {
    let listed = Command::new("ldd").arg(program).output().expect("ldd").stdout;
    let paths = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
    String::from_utf8_lossy(&listed).lines().filter_map(paths).collect()
}
