//! Mounts of a bundle.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::fixture::Fixture;

#[test]
fn a_bind_is_writable_or_not_as_asked() {
    let volume = tempfile::tempdir().unwrap();
    fs::write(volume.path().join("file"), "text\n").unwrap();
    let (source, file) = (volume.path(), volume.path().join("file"));
    let fixture =
        Fixture::new("cat /ro/file /deep/er/file; echo new > /rw/new; echo x > /ro/x; echo x > /deep/er/file")
            .mount(json!({ "destination": "/rw", "type": "bind", "source": source, "options": ["rbind", "rprivate"] }))
            .mount(json!({ "destination": "/ro", "type": "bind", "source": source, "options": ["rbind", "ro"] }))
            .mount(json!({ "destination": "/deep/er/file", "source": file, "options": ["bind", "ro"] }));
    let ended = fixture.run();
    assert_eq!(ended.stdout, "text\ntext\n");
    assert_eq!(ended.stderr.matches("Read-only file system").count(), 2, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(volume.path().join("new")).unwrap(), "new\n");
    assert!(!volume.path().join("x").exists());
}

#[test]
fn a_read_only_bind_reaches_what_is_mounted_below_only_when_recursive() {
    let run = |option: &str| {
        let volume = tempfile::tempdir().unwrap();
        fs::create_dir(volume.path().join("below")).unwrap();
        let source = volume.path().to_str().unwrap().to_owned();
        let fixture = Fixture::new("touch /v/x; touch /v/below/x && echo written")
            .prepared_by(&format!("mount -t tmpfs tmpfs {source}/below"))
            .mount(json!({ "destination": "/v", "type": "bind", "source": source, "options": ["rbind", option] }));
        fixture.run()
    };
    assert_eq!(run("ro").stdout, "written\n");
    let recursive = run("rro");
    assert_eq!(recursive.stdout, "");
    assert_eq!(recursive.stderr.matches("Read-only file system").count(), 2);
}

#[test]
fn a_read_only_root_leaves_its_mounts_writable() {
    let fixture = Fixture::new("touch /x; touch /etc/x; touch /dev/shm/x && echo written")
        .with(|spec| spec["root"]["readonly"] = json!(true));
    let ended = fixture.run();
    assert_eq!(ended.stdout, "written\n");
    assert_eq!(ended.stderr.matches("Read-only file system").count(), 2, "{}", ended.stderr);
}

#[test]
fn a_tmpfs_has_the_size_and_mode_asked_for() {
    let fixture = Fixture::new("stat -c %a /a /b; df -k /a | tail -1; grep ' /a ' /proc/mounts")
        .mount(json!({ "destination": "/a", "type": "tmpfs", "source": "tmpfs",
            "options": ["noexec", "nosuid", "nodev", "size=64k", "mode=1770"] }))
        .mount(json!({ "destination": "/b", "type": "tmpfs", "source": "tmpfs" }));
    fs::create_dir(fixture.rootfs().join("b")).unwrap();
    fs::set_permissions(fixture.rootfs().join("b"), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let ended = fixture.run();
    assert!(ended.stdout.starts_with("1770\n711\ntmpfs                       64"), "{}", ended.stdout);
    assert!(ended.stdout.contains("nosuid,nodev,noexec"), "{}", ended.stdout);
}

#[test]
fn a_mount_that_cannot_be_made_is_named() {
    let message = |mount: serde_json::Value| Fixture::new("true").mount(mount).refused()["message"].clone();
    let missing = message(json!({ "destination": "/v", "type": "bind", "source": "/no/such", "options": ["bind"] }));
    assert_eq!(missing, "mount /v: bind source path does not exist: /no/such");
    let unknown = message(json!({ "destination": "/v", "type": "nosuchfs", "source": "x" }));
    assert!(unknown.as_str().unwrap().starts_with("mount /v: open file system type nosuchfs"), "{unknown}");
    let option = message(json!({ "destination": "/v", "type": "tmpfs", "options": ["sise=1"] }));
    assert!(option.as_str().unwrap().starts_with("mount /v: option sise"), "{option}");
    let root = message(json!({ "destination": "/x/..", "type": "tmpfs" }));
    assert!(root.as_str().unwrap().contains("root itself"), "{root}");
}

#[test]
fn nothing_mounted_in_a_container_reaches_the_host() {
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    let fixture = Fixture::new("sleep 1000").mount(json!({ "destination": "/v", "type": "tmpfs" }));
    fixture.create();
    assert_eq!(mounts(), before);
}

#[test]
fn a_shared_volume_shows_later_mounts_of_the_host_only_when_asked() {
    let run = |option: &str| {
        let volume = tempfile::tempdir().unwrap();
        fs::create_dir(volume.path().join("later")).unwrap();
        let source = volume.path().to_str().unwrap().to_owned();
        // The preparing shell goes on behind the runtime's back: it mounts once the container has said that it looks.
        // The first one alone, which is the monitor's: those of later commands are in other mount namespaces.
        let preparation = format!(
            "mount --bind {source} {source} && mount --make-shared {source} && \
             {{ (mkdir {source}/first || exit; for i in 1 2 3 4 5 6 7 8 9 10; do [ -e {source}/ready ] && break; sleep 0.2; done; \
             mount -t tmpfs tmpfs {source}/later; touch {source}/later/mark; touch {source}/done) </dev/null >/dev/null 2>&1 & }}"
        );
        let script = "touch /v/ready; i=0; while [ ! -e /v/done ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done
            ls /v/later";
        let fixture = Fixture::new(script)
            .prepared_by(&preparation)
            .mount(json!({ "destination": "/v", "type": "bind", "source": source, "options": ["rbind", option] }));
        fixture.run().stdout
    };
    assert_eq!(run("rslave"), "mark\n");
    assert_eq!(run("rprivate"), "");
}

#[test]
fn what_a_container_mounts_reaches_a_shared_mount_of_the_host_only_when_asked() {
    let reached = |options: &[&str], change: fn(&mut Value)| {
        let fixture = Fixture::new("mount -t tmpfs inner /v/x && echo mounted > /v/said || echo refused > /v/said")
            .with(|spec| {
                spec["linux"].as_object_mut().unwrap().remove("seccomp");
                for set in ["bounding", "effective", "permitted"] {
                    spec["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SYS_ADMIN"));
                }
                change(spec);
            })
            .mount(json!({ "destination": "/v", "type": "bind", "source": "shared", "options": options }));
        fixture.write_config();
        fs::create_dir(fixture.path().join("shared")).unwrap();
        let script = r#"set -e; cd "$1"; mount --make-rshared /; mount -t tmpfs outer shared; mkdir -m 777 shared/x
            chmod 777 shared; chown 100000:100000 rootfs rootfs/*; cp /proc/self/mountinfo before; "$0" --root state create --bundle . "$2" < /dev/null
            "$0" --root state start "$2"; i=0; while [ ! -s shared/said ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done
            cp /proc/self/mountinfo after; cat shared/said; "$0" --root state delete --force "$2"; diff before after"#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script, env!("CARGO_BIN_EXE_berth-runtime")]);
        let output = command.arg(fixture.path()).arg(&fixture.id).output().unwrap();
        let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(said.starts_with("mounted\n"), "{said}{complaint}");
        said.lines().filter(|line| line.starts_with('>')).map(str::to_owned).collect::<Vec<_>>()
    };
    for option in ["rprivate", "rslave", "rw"] {
        assert_eq!(reached(&["rbind", option], |_| {}), [""; 0], "{option}");
    }
    let shared = reached(&["rbind", "rshared"], |_| {});
    assert!(
        shared.len() == 1 && shared[0].contains("/shared/x ") && shared[0].contains(" - tmpfs inner "),
        "{shared:?}"
    );
    let of_its_own = |spec: &mut Value| {
        let maps = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
        spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
        (spec["linux"]["uidMappings"], spec["linux"]["gidMappings"]) = (maps.clone(), maps);
    };
    assert_eq!(reached(&["rbind", "rshared"], of_its_own), [""; 0], "the root of a user namespace mounts for itself");
}

#[test]
fn the_runtime_mounts_nothing_inside_what_is_shared_with_the_host() {
    let volume = tempfile::tempdir().unwrap();
    fs::create_dir(volume.path().join("x")).unwrap();
    let source = volume.path().to_str().unwrap();
    let fixture = || {
        Fixture::new("true")
            .prepared_by(&format!("mount --bind {source} {source} && mount --make-shared {source}"))
            .mount(json!({ "destination": "/v", "type": "bind", "source": source, "options": ["rbind", "rshared"] }))
    };
    let why = "its place is in a mount that is shared with the host, which would get it too; bind that one as rslave, \
        or elsewhere";
    let nested = fixture().mount(json!({ "destination": "/v/x", "type": "tmpfs" }));
    assert_eq!(nested.refused()["message"], format!("mount /v/x: {why}"));
    let masked = fixture().with(|spec| spec["linux"]["maskedPaths"].as_array_mut().unwrap().push(json!("/v/x")));
    assert_eq!(masked.refused()["message"], format!("mask /v/x: {why}"));
    let beside = fixture().mount(json!({ "destination": "/w", "type": "tmpfs" }));
    assert_eq!(beside.run().code, 0);
}
