//! Who a container's process is.

use std::fs;

use serde_json::json;

use crate::fixture::{CAPABILITY_BITS, Fixture};

fn status_field(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}

#[test]
fn the_capabilities_are_exactly_dockers_fourteen() {
    let ended = Fixture::new("cat /proc/self/status").run();
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(status_field(&ended.stdout, set), CAPABILITY_BITS, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(status_field(&ended.stdout, set), "0000000000000000", "{set}");
    }
    assert_eq!(status_field(&ended.stdout, "NoNewPrivs"), "0");
}

#[test]
fn another_user_has_no_capabilities_but_those_made_ambient() {
    let as_user = |capabilities: serde_json::Value| {
        let fixture = Fixture::new("id; cat /proc/self/status; umask; touch /tmp/x").with(|spec| {
            spec["process"]["user"] = json!({ "uid": 1000, "gid": 1001, "additionalGids": [5, 20], "umask": 0o077 });
            spec["process"]["capabilities"] = capabilities;
        });
        fs::create_dir(fixture.rootfs().join("tmp")).unwrap();
        fixture.run()
    };
    let bind = json!(["CAP_NET_BIND_SERVICE"]);
    let plain = as_user(json!({ "bounding": bind, "permitted": bind, "effective": bind }));
    assert!(plain.stdout.starts_with("uid=1000 gid=1001 groups=5,20\n"), "{}", plain.stdout);
    assert_eq!(status_field(&plain.stdout, "CapEff"), "0000000000000000");
    assert_eq!(status_field(&plain.stdout, "CapBnd"), "0000000000000400");
    assert!(plain.stdout.contains("\n0077\n"));
    assert!(plain.stderr.contains("Permission denied"));
    let ambient = as_user(json!({
        "bounding": bind, "permitted": bind, "effective": bind, "inheritable": bind, "ambient": bind
    }));
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
        assert_eq!(status_field(&ambient.stdout, set), "0000000000000400", "{set}");
    }
}

#[test]
fn no_section_of_capabilities_leaves_root_without_any() {
    let fixture = Fixture::new("cat /proc/self/status; chown 1 /etc")
        .with(|spec| drop(spec["process"].as_object_mut().unwrap().remove("capabilities")));
    let ended = fixture.run();
    assert_eq!(status_field(&ended.stdout, "CapBnd"), "0000000000000000");
    assert_eq!(status_field(&ended.stdout, "CapEff"), "0000000000000000");
    assert!(ended.stderr.contains("Operation not permitted"));
}

#[test]
fn no_new_privileges_is_on_request() {
    let fixture = Fixture::new("cat /proc/self/status").with(|spec| spec["process"]["noNewPrivileges"] = json!(true));
    let ended = fixture.run();
    assert_eq!(status_field(&ended.stdout, "NoNewPrivs"), "1");
    assert_eq!(status_field(&ended.stdout, "Seccomp"), "2");
    assert_eq!(status_field(&ended.stdout, "CapEff"), CAPABILITY_BITS);
}

#[test]
fn a_set_user_id_program_works_without_no_new_privileges() {
    let script = "cat /proc/self/status";
    let fixture = |no_new_privileges: bool| {
        let fixture = Fixture::new(script).with(|spec| {
            spec["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
            spec["process"]["noNewPrivileges"] = json!(no_new_privileges);
            spec["process"]["args"] = json!(["/suid/cat", "/proc/self/status"]);
        });
        let suid = fixture.rootfs().join("suid");
        fs::create_dir(&suid).unwrap();
        fs::copy(fixture.rootfs().join("bin/busybox"), suid.join("cat")).unwrap();
        fs::set_permissions(suid.join("cat"), std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
        fixture.run()
    };
    // busybox drops the effective id for cat; the saved one tells what the exec granted.
    assert!(status_field(&fixture(false).stdout, "CapBnd") == CAPABILITY_BITS);
    let uid = |no_new_privileges| status_field(&fixture(no_new_privileges).stdout, "Uid");
    assert_eq!(uid(true), "1000\t1000\t1000\t1000");
    let allowed = fixture(false);
    assert_eq!(allowed.code, 0);
}

#[test]
fn limits_apply_and_one_that_cannot_be_is_refused() {
    let fixture = Fixture::new("ulimit -n; ulimit -Hn; ulimit -Hc").with(|spec| {
        spec["process"]["rlimits"] = json!([
            { "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 },
            { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 }
        ]);
    });
    assert_eq!(fixture.run().stdout, "100\n200\n0\n");
    // More than fs.nr_open is refused even to the mightiest.
    let (_, inherited) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    let most = u64::from(u32::MAX);
    let fixture = Fixture::new("ulimit -Hn").with(|spec| {
        spec["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 100, "hard": most }]);
    });
    assert_eq!(
        fixture.refused()["message"],
        format!("limit RLIMIT_NOFILE: {most} is more than may be given here; ask for {inherited} or less")
    );
}

#[test]
fn the_home_directory_is_found_unless_it_is_given() {
    let home = |passwd: Option<&str>, environment: &[&str]| {
        let fixture = Fixture::new("echo $HOME").with(|spec| {
            spec["process"]["user"]["uid"] = json!(33);
            spec["process"]["env"] = json!(environment);
        });
        if let Some(passwd) = passwd {
            fs::write(fixture.rootfs().join("etc/passwd"), passwd).unwrap();
        }
        fixture.run().stdout
    };
    let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n";
    assert_eq!(home(Some(passwd), &["PATH=/bin"]), "/srv\n");
    assert_eq!(home(Some(passwd), &["PATH=/bin", "HOME=/x"]), "/x\n");
    assert_eq!(home(None, &["PATH=/bin"]), "/\n");
}

#[test]
fn the_oom_score_is_raised_as_asked() {
    let fixture = Fixture::new("cat /proc/self/oom_score_adj").with(|spec| spec["process"]["oomScoreAdj"] = json!(500));
    assert_eq!(fixture.run().stdout, "500\n");
}

#[test]
fn the_working_directory_is_made_when_it_is_missing() {
    let fixture = Fixture::new("pwd").with(|spec| spec["process"]["cwd"] = json!("/srv/app"));
    assert_eq!(fixture.run().stdout, "/srv/app\n");
}

#[test]
fn another_user_may_reopen_its_output() {
    let fixture = Fixture::new("echo one > /dev/stdout; echo two > /dev/stderr")
        .with(|spec| spec["process"]["user"] = json!({ "uid": 1000, "gid": 1000 }));
    let ended = fixture.run();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("one\n", "two\n"));
}
