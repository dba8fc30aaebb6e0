//! Known attacks, made many times through the API while a canary watches.

mod bombs;
mod descriptors;
mod impostors;
mod labels;
mod links;
mod neighbours;
mod runtime;
mod swaps;

use berth_tests::native::Client;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The body of a request to create a container of the image `busybox`.
fn run(command: &[&str], host: Value) -> Value {
    json!({ "Image": "busybox", "Cmd": command, "HostConfig": host })
}

fn start(client: &mut Client, id: &str) {
    let started = client.request("POST", &format!("/containers/{id}/start"), None);
    assert_eq!(started.status, 204, "{}", started.text());
}

fn remove(client: &mut Client, id: &str) {
    let removed = client.request("DELETE", &format!("/containers/{id}?force=1&v=1"), None);
    assert_eq!(removed.status, 204, "{}", removed.text());
}

/// What a container has written to its standard output.
fn output(client: &mut Client, id: &str) -> String {
    client.request("GET", &format!("/containers/{id}/logs?stdout=1"), None).text()
}

/// Starts a program in a container that runs, and has it come to its end: the answer of the start, and the exit code.
fn exec(client: &mut Client, id: &str, body: &Value) -> (berth_tests::native::Answer, Value) {
    let made = client.request("POST", &format!("/containers/{id}/exec"), Some(body)).ok();
    let exec = made["Id"].as_str().expect("an id").to_owned();
    let started = client.request("POST", &format!("/exec/{exec}/start"), Some(&json!({ "Detach": true })));
    loop {
        let state = client.request("GET", &format!("/exec/{exec}/json"), None).ok();
        if state["Running"] == false {
            return (started, state["ExitCode"].clone());
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// A folder of the machine's that nobody may reach: what is in it and when it was changed.
struct Canary {
    folder: PathBuf,
    before: Vec<String>,
}

impl Canary {
    const TEXT: &str = "alive and outside";

    /// One file of this name in a new folder below `dir`.
    fn new(dir: &Path, name: &str) -> Self {
        let folder = dir.join("canary");
        std::fs::create_dir(&folder).expect("a canary");
        std::fs::write(folder.join(name), Self::TEXT).expect("a canary");
        Self { before: Self::look(&folder), folder }
    }

    fn check(&self, when: &str) {
        assert_eq!(Self::look(&self.folder), self.before, "{when}");
    }

    fn look(folder: &Path) -> Vec<String> {
        use std::os::unix::fs::MetadataExt;
        let one = |path: &Path| {
            let of = std::fs::symlink_metadata(path).expect("the canary");
            let (kind, text) = (of.file_type(), std::fs::read(path).unwrap_or_default());
            let (mode, owner) = (of.mode(), of.uid());
            format!("{}: {kind:?} {mode:o} {owner} {}.{} {text:?}", path.display(), of.mtime(), of.mtime_nsec())
        };
        let within = std::fs::read_dir(folder).expect("the canary").flatten();
        let mut all: Vec<String> = within.map(|entry| one(&entry.path())).chain([one(folder)]).collect();
        all.sort();
        all
    }
}
