//! A bundle that another tool made, under this runtime and under crun, with the same result.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::fixture::Fixture;

/// What the container says about itself.
const FACTS: &str = "cat /proc/self/uid_map /proc/self/gid_map; ls -ln /bin/busybox /dev/zero
    grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask|SigIgn|SigBlk)' /proc/self/status
    cut -d' ' -f5,6,8 /proc/self/mountinfo | sort
    cat /proc/self/limits /proc/self/oom_score_adj
    ls -l /dev | cut -c1-10,40-
    hostname; echo $PATH $HOME $PWD; (echo x > /file) 2>&1; exit 5";

/// The specification that `runc spec` writes, changed to print [`FACTS`]; `None` without runc and crun.
fn specification() -> Option<Value> {
    let place = tempfile::tempdir().unwrap();
    let written = Command::new("runc").arg("spec").current_dir(place.path()).status();
    let crun = Command::new("crun").arg("--version").output();
    if written.is_err() || crun.is_err() {
        eprintln!("skipped: needs runc and crun (apt-get install runc crun)");
        return None;
    }
    let mut spec: Value = serde_json::from_slice(&fs::read(place.path().join("config.json")).unwrap()).unwrap();
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!(["sh", "-c", FACTS]);
    spec["process"]["env"] = json!(["PATH=/bin", "TERM=xterm"]);
    Some(spec)
}

/// Output and exit code under crun. Without a cgroup manager: a host whose controllers are all cgroup v1 has nothing to
/// manage, and crun runs there only so.
fn under_crun(fixture: &Fixture) -> (String, i64) {
    fixture.write_config();
    let script =
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec crun --cgroup-manager=disabled --root $0 run -b $1 $2";
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(fixture.path().join("crun"))
        .arg(fixture.path())
        .arg(&fixture.id)
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (String::from_utf8(output.stdout).unwrap(), code.into())
}

/// The lines, where the mount that hides a path is told by its kind alone: ours cannot be written to either, by
/// other means.
fn comparable(text: &str, spec: &Value) -> Vec<String> {
    let masked: Vec<&str> =
        spec["linux"]["maskedPaths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    let of_line = |line: &str| match line.split(' ').collect::<Vec<_>>().as_slice() {
        [path, _, kind] if masked.contains(path) => format!("{path} {kind}"),
        _ => line.to_owned(),
    };
    text.lines().map(of_line).collect()
}

#[test]
fn a_bundle_made_by_runc_runs_as_under_crun() {
    let Some(spec) = specification() else { return };
    for change in [
        |_: &mut Value| {},
        |spec: &mut Value| {
            spec["root"]["readonly"] = json!(false);
            spec["process"]["user"] = json!({ "uid": 33, "gid": 44, "additionalGids": [7, 8], "umask": 63 });
            spec["process"]["cwd"] = json!("/bin");
            spec["process"]["noNewPrivileges"] = json!(false);
            spec["process"]["rlimits"] = json!([
                { "type": "RLIMIT_NOFILE", "soft": 64, "hard": 128 }, { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 }
            ]);
            spec["process"]["capabilities"] = json!({
                "bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]
            });
            spec["hostname"] = json!("other");
            spec["mounts"].as_array_mut().unwrap().push(json!({
                "destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "noexec", "size=64k", "mode=700"]
            }));
        },
        |spec: &mut Value| {
            spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
            let maps = json!([
                { "containerID": 0, "hostID": 100_000, "size": 1000 }, { "containerID": 1000, "hostID": 0, "size": 1 }
            ]);
            (spec["linux"]["uidMappings"], spec["linux"]["gidMappings"]) = (maps.clone(), maps);
            let volume =
                json!({ "destination": "/v", "type": "bind", "source": "/var/tmp", "options": ["bind", "idmap"] });
            spec["mounts"].as_array_mut().unwrap().push(volume);
        },
    ] {
        let fixture = Fixture::new("").with(|ours| {
            *ours = spec.clone();
            change(ours);
        });
        let fixture = fixture.prepared_by("mount -t cgroup2 cgroup2 /sys/fs/cgroup");
        let ours = fixture.run();
        let (crun, code) = under_crun(&fixture);
        assert_eq!((ours.code, code), (5, 5), "{}", ours.stderr);
        assert_eq!(comparable(&ours.stdout, &spec), comparable(&crun, &spec));
        assert!(ours.stdout.lines().count() > 60, "{}", ours.stdout);
    }
}
