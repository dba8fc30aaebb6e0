//! Bundles with anything anywhere: each is made a container or refused with one line, and nothing of it stays.

use std::{
    cell::RefCell,
    fs::{self, File},
    process::Stdio,
};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// With a part of everything that the runtime reads.
fn rich(spec: &mut Value) {
    spec["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 64, "hard": 64 }]);
    spec["process"]["user"]["additionalGids"] = json!([5, 6]);
    spec["process"]["user"]["umask"] = json!(18);
    spec["process"]["noNewPrivileges"] = json!(true);
    spec["process"]["oomScoreAdj"] = json!(100);
    spec["domainname"] = json!("example");
    spec["root"]["readonly"] = json!(false);
    spec["annotations"] = json!({ "a": "b" });
    let bind = json!({ "destination": "/etc/bound", "source": "bound", "type": "bind", "options": ["rbind", "ro", "rprivate"] });
    spec["mounts"].as_array_mut().unwrap().push(bind);
    let linux = &mut spec["linux"];
    linux["sysctl"] = json!({ "net.ipv4.ip_forward": "1", "kernel.msgmax": "65536" });
    linux["rootfsPropagation"] = json!("rprivate");
    linux["devices"] =
        json!([{ "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0 }]);
    linux["resources"] = json!({
        "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw" }],
        "memory": { "limit": 67_108_864, "swap": -1 }, "cpu": { "quota": 50_000, "period": 100_000, "shares": 512 },
        "pids": { "limit": 100 }, "unified": { "memory.high": "max" },
    });
    // The whole of docker's profile would take nearly every change.
    linux["seccomp"]["syscalls"] = json!([
        { "names": ["ptrace", "bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 },
        { "names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [{ "index": 0, "value": 8, "valueTwo": 1, "op": "SCMP_CMP_EQ" }] },
    ]);
    linux["seccomp"]["defaultAction"] = json!("SCMP_ACT_ALLOW");
}

#[test]
fn a_bundle_with_anything_anywhere_is_a_container_or_one_line() {
    let fixture = Fixture::new("true").with(rich);
    fs::create_dir(fixture.path().join("bound")).unwrap();
    fixture.create();
    fixture.succeed(&["delete", "--force", &fixture.id]);
    let spec = fixture.spec.clone();
    let fixture = RefCell::new(fixture);
    proptest!(|(spec in berth_fuzz::changed(spec))| {
        let mut fixture = fixture.borrow_mut();
        fixture.spec = spec;
        fixture.write_config();
        let errors = fixture.path().join("errors");
        let bundle = fixture.path().to_str().unwrap().to_owned();
        let id = fixture.id.clone();
        // Into a file: a container that waits would hold a pipe open.
        let mut create = fixture.command(&["create", "--bundle", &bundle, &id]);
        let status = create.stdout(Stdio::null()).stderr(File::create(&errors).unwrap()).status().unwrap();
        let said = fs::read_to_string(&errors).unwrap();
        if status.success() {
            prop_assert_eq!(&said, "");
            let deleted = fixture.runtime(&["delete", "--force", &id]);
            prop_assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
        } else {
            prop_assert!(matches!(status.code(), Some(1 | 126 | 127)), "{status}: {said}");
            prop_assert_eq!(said.lines().count(), 1, "{}", said);
            prop_assert!(!said.contains("panicked"), "{said}");
        }
        prop_assert!(!fixture.path().join("state").join(&id).exists(), "a half-made container stayed: {said}");
    });
}

#[test]
fn a_damaged_configuration_is_refused_or_means_something() {
    let fixture = Fixture::new("true").with(rich);
    fs::create_dir(fixture.path().join("bound")).unwrap();
    let good = fixture.spec.to_string().into_bytes();
    let bundle = fixture.path().to_str().unwrap();
    proptest!(|(config in berth_fuzz::damaged(good))| {
        fs::write(fixture.path().join("config.json"), config).unwrap();
        let mut create = fixture.command(&["create", "--bundle", bundle, &fixture.id]);
        let status = create.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        if status.success() {
            fixture.succeed(&["delete", "--force", &fixture.id]);
        } else {
            prop_assert!(matches!(status.code(), Some(1 | 126 | 127)), "{status}");
        }
        prop_assert!(!fixture.path().join("state").join(&fixture.id).exists());
    });
}
