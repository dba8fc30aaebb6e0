//! User namespaces: who a container's users are outside.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::fixture::{Fixture, eventually};

const FIRST: u32 = 100_000;

fn maps() -> Value {
    json!([{ "containerID": 0, "hostID": FIRST, "size": 65_536 }])
}

/// With a new user namespace, and with the root file system given to its root.
fn mapped(script: &str) -> Fixture {
    let fixture = Fixture::new(script).with(|spec| {
        spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
        spec["linux"]["uidMappings"] = maps();
        spec["linux"]["gidMappings"] = maps();
    });
    give(&fixture.rootfs());
    fixture
}

fn give(root: &Path) {
    chown(root, Some(FIRST), Some(FIRST)).unwrap();
    for place in ["bin", "etc"] {
        chown(root.join(place), Some(FIRST), Some(FIRST)).unwrap();
    }
}

#[test]
fn the_root_of_a_user_namespace_needs_no_way_to_its_files() {
    // The directory of the fixture is for the machine's root alone.
    let fixture = mapped("id -u; touch /made; echo again > /dev/stdout; ls /sys/class/net");
    fs::set_permissions(fixture.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let ended = fixture.run();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("0\nagain\nlo\n", ""));
    assert_eq!(fixture.rootfs().join("made").metadata().unwrap().uid(), FIRST);
}

#[test]
fn an_id_mapped_volume_keeps_the_ids_that_are_on_the_disk() {
    // A disk-backed place: not every temporary file system can be id-mapped.
    let volume = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(volume.path(), PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(volume.path().join("roots"), "text\n").unwrap();
    fs::write(volume.path().join("users"), "text\n").unwrap();
    chown(volume.path().join("users"), Some(1000), Some(1001)).unwrap();
    let source = volume.path();
    let script = "stat -c '%n %u %g' /v/*; touch /v/new && chown 33:44 /v/new; stat -c %u /plain/roots; touch /plain/x";
    for option in [json!(["rbind", "idmap"]), json!(["bind"])] {
        let mut mount = json!({ "destination": "/v", "type": "bind", "source": source, "options": option });
        if option == json!(["bind"]) {
            (mount["uidMappings"], mount["gidMappings"]) = (maps(), maps());
        }
        let plain = json!({ "destination": "/plain", "type": "bind", "source": source, "options": ["bind"] });
        let ended = mapped(script).mount(mount).mount(plain).run();
        assert_eq!(ended.stdout, "/v/roots 0 0\n/v/users 1000 1001\n65534\n", "{}", ended.stderr);
        assert_eq!(ended.stderr, "touch: /plain/x: Permission denied\n");
        let new = volume.path().join("new");
        assert_eq!((new.metadata().unwrap().uid(), new.metadata().unwrap().gid()), (33, 44));
        fs::remove_file(new).unwrap();
    }
}

#[test]
fn what_cannot_be_id_mapped_is_named() {
    let tmpfs = json!({ "destination": "/v", "type": "tmpfs", "options": ["idmap"] });
    let said = mapped("true").mount(tmpfs).refused()["message"].clone();
    assert_eq!(said, "mount /v: only a bind mount can be id-mapped");
    let proc = json!({ "destination": "/v", "type": "bind", "source": "/proc", "options": ["bind", "idmap"] });
    let said = mapped("true").mount(proc).refused()["message"].clone();
    assert_eq!(said, "mount /v: map the ids: its file system does not support id-mapped mounts");
    let unmapped = Fixture::new("true")
        .mount(json!({ "destination": "/v", "type": "bind", "source": "/var/tmp", "options": ["bind", "idmap"] }));
    assert!(unmapped.refused()["message"].as_str().unwrap().contains("there are no mappings"));
    let without = Fixture::new("true")
        .with(|spec| spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" })));
    assert!(without.refused()["message"].as_str().unwrap().contains("needs linux.uidMappings"));
}

#[test]
fn the_hosts_cgroups_are_bound_where_they_cannot_be_mounted() {
    let without = mapped("grep -c ' /sys/fs/cgroup ' /proc/self/mountinfo; cat /proc/self/cgroup").with(|spec| {
        spec["linux"]["namespaces"].as_array_mut().unwrap().retain(|entry| entry["type"] != "cgroup");
    });
    let ended = without.prepared_by("mount -t cgroup2 cgroup2 /sys/fs/cgroup").run();
    assert!(ended.stdout.starts_with("1\n"), "{}{}", ended.stdout, ended.stderr);
}

/// A process in a user namespace and a network namespace that it owns.
struct Holder(Child);

impl Holder {
    fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--user", "--net", "sleep", "1000"]).stdin(Stdio::null());
        let holder = Self(command.spawn().unwrap());
        let pid = holder.0.id();
        let own = || fs::read_link("/proc/self/ns/user").unwrap();
        assert!(eventually(|| fs::read_link(format!("/proc/{pid}/ns/user")).is_ok_and(|theirs| theirs != own())));
        for file in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{pid}/{file}"), format!("0 {FIRST} 65536\n")).unwrap();
        }
        holder
    }

    fn namespace(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.0.id())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_user_namespace_is_joined_with_the_network_that_it_owns() {
    let holder = Holder::new();
    // What the network's owner may do: change it, set what is set of it, and see it in /sys.
    let script =
        "id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net; ip link set lo up && echo up; ls /sys/class/net;
        cat /proc/sys/net/ipv4/ip_default_ttl; echo again > /dev/stdout; touch /made";
    let fixture = Fixture::new(script).with(|spec| {
        let list = spec["linux"]["namespaces"].as_array_mut().unwrap();
        list.retain(|entry| entry["type"] != "network");
        list.push(json!({ "type": "user", "path": holder.namespace("user") }));
        list.push(json!({ "type": "network", "path": holder.namespace("net") }));
        spec["linux"]["sysctl"] = json!({ "net.ipv4.ip_default_ttl": "77" });
        for set in ["bounding", "effective", "permitted"] {
            spec["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_NET_ADMIN"));
        }
    });
    give(&fixture.rootfs());
    let link = |kind: &str| fs::read_link(holder.namespace(kind)).unwrap().to_str().unwrap().to_owned();
    let expected = format!("0\n{}\n{}\nup\nlo\n77\nagain\n", link("user"), link("net"));
    let ended = fixture.run();
    assert_eq!((ended.stdout, ended.stderr.as_str()), (expected, ""));
    assert_eq!(fixture.rootfs().join("made").metadata().unwrap().uid(), FIRST);
}

#[test]
fn a_hard_limit_above_the_inherited_one_is_given_or_refused() {
    // What is inherited is lowered for the runtime alone; only who may raise limits can give more then.
    let mightiest = caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_RESOURCE).unwrap();
    let fixture = mapped("ulimit -Sn; ulimit -Hn").prepared_by("ulimit -n 500").with(|spec| {
        spec["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 600, "hard": 700 }]);
    });
    if mightiest {
        assert_eq!(fixture.run().stdout, "600\n700\n");
    } else {
        let said = "limit RLIMIT_NOFILE: 700 is more than may be given here; ask for 500 or less";
        assert_eq!(fixture.refused()["message"], said);
    }
    let fixture = mapped("ulimit -Sn; ulimit -Hn").prepared_by("ulimit -n 500").with(|spec| {
        spec["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 300, "hard": 500 }]);
    });
    assert_eq!(fixture.run().stdout, "300\n500\n");
}

#[test]
fn what_is_executed_beside_it_is_in_its_user_namespace() {
    let fixture = mapped("exec sleep 1000");
    let (mut monitor, announcement) = fixture.monitor();
    assert!(announcement["created"]["pid"].is_u64(), "{announcement}");
    fixture.succeed(&["start", &fixture.id]);
    let process = json!({
        "user": { "uid": 5, "gid": 6 }, "cwd": "/", "env": ["PATH=/bin"],
        "args": ["sh", "-c", "id -u; cat /proc/self/uid_map"]
    });
    let file = fixture.path().join("process.json");
    fs::write(&file, process.to_string()).unwrap();
    let said = fixture.succeed(&["exec", "--process", file.to_str().unwrap(), &fixture.id]);
    assert_eq!(said.split_ascii_whitespace().collect::<Vec<_>>(), ["5", "0", "100000", "65536"]);
    fixture.succeed(&["kill", &fixture.id, "KILL"]);
    assert!(monitor.wait().unwrap().success());
}

#[test]
fn namespaces_are_pinned_and_files_mapped_for_an_engine() {
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    for dir in ["data", "mapped"] {
        fs::create_dir(place.path().join(dir)).unwrap();
    }
    fs::write(place.path().join("data/file"), "text").unwrap();
    // In a mount namespace of its own, as everything here.
    let script = r#"cd "$1"; "$0" pin-users --ids 524288:65536 users net || exit
        "$0" bind-mapped --users users data mapped && stat -c %u data/file mapped/file
        nsenter --user=users --net=net sh -c 'cat /proc/self/uid_map; ls /proc/sys/net/ipv4/ip_default_ttl; ip link'
        "$0" pin-users --ids 524288:65536 other net; ls
        "$0" bind-mapped --users users /proc mapped; "$0" bind-mapped --users users data absent"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, env!("CARGO_BIN_EXE_berth-runtime")]);
    let output = command.arg(place.path()).output().unwrap();
    let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let words: Vec<&str> = said.split_ascii_whitespace().collect();
    assert_eq!(words[..6], ["0", "524288", "0", "524288", "65536", "/proc/sys/net/ipv4/ip_default_ttl"], "{complaint}");
    assert!(said.contains("LOOPBACK"), "{said}");
    assert!(said.ends_with("data\nmapped\nnet\nusers\n"), "what is half-made is left: {said}");
    let complaints: Vec<&str> = complaint.lines().collect();
    assert_eq!(
        complaints,
        [
            "berth-runtime: create net: file exists",
            "berth-runtime: map the ids of /proc: its file system does not support id-mapped mounts",
            "berth-runtime: absent does not exist; make it first",
        ]
    );
}
