//! What a container sees, and does not see.

use std::{collections::HashMap, fs};

use serde_json::json;

use crate::fixture::Fixture;

const NAMESPACES: [&str; 6] = ["mnt", "net", "uts", "pid", "ipc", "cgroup"];

fn namespaces_shown(text: &str) -> HashMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, rest)| (name.to_owned(), format!("{name}:{rest}"))).collect()
}

#[test]
fn each_namespace_is_the_containers_own() {
    let inside = Fixture::new("for n in mnt net uts pid ipc cgroup; do readlink /proc/self/ns/$n; done").run();
    let inside = namespaces_shown(&inside.stdout);
    for name in NAMESPACES {
        let host = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        assert_ne!(inside[name], host.to_str().unwrap());
    }
}

#[test]
fn a_namespace_that_is_not_listed_is_the_hosts_and_one_with_a_path_is_joined() {
    let other = Fixture::new("sleep 1000");
    other.create();
    let pid = other.state()["pid"].to_string();
    let net = format!("/proc/{pid}/ns/net");
    let fixture = Fixture::new("readlink /proc/self/ns/uts; readlink /proc/self/ns/net").with(|spec| {
        spec["hostname"] = json!("");
        spec["linux"]["namespaces"] =
            json!([{ "type": "mount" }, { "type": "pid" }, { "type": "network", "path": net }]);
    });
    let inside = namespaces_shown(&fixture.run().stdout);
    assert_eq!(inside["uts"], fs::read_link("/proc/self/ns/uts").unwrap().to_str().unwrap());
    assert_eq!(inside["net"], fs::read_link(net).unwrap().to_str().unwrap());
}

#[test]
fn a_joined_pid_namespace_shows_its_processes() {
    let other = Fixture::new("sleep 4711");
    other.create();
    other.succeed(&["start", &other.id]);
    let path = format!("/proc/{}/ns/pid", other.state()["pid"]);
    let fixture = Fixture::new("while ! ps | grep -q '[s]leep 4711'; do :; done; echo seen").with(|spec| {
        let list = spec["linux"]["namespaces"].as_array_mut().unwrap();
        list.iter_mut().find(|entry| entry["type"] == "pid").unwrap()["path"] = json!(path);
    });
    assert_eq!(fixture.run().stdout, "seen\n");
}

#[test]
fn a_container_is_process_one_of_its_own_with_its_own_name() {
    let ended =
        Fixture::new("echo $$; hostname; ps | grep -c sh").with(|spec| spec["domainname"] = json!("example")).run();
    assert!(ended.stdout.starts_with("1\nbox\n"), "{}", ended.stdout);
    let ended =
        Fixture::new("cat /proc/sys/kernel/domainname").with(|spec| spec["domainname"] = json!("example")).run();
    assert_eq!(ended.stdout, "example\n");
    assert_ne!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), "box\n");
}

#[test]
fn the_hosts_files_are_out_of_sight() {
    let ended =
        Fixture::new("ls /; echo --; cd ..; cd ../../..; ls -d work tmp home 2>/dev/null; grep -c . /proc/mounts")
            .run();
    let (listed, rest) = ended.stdout.split_once("--\n").unwrap();
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["bin", "dev", "etc", "proc", "sys"]);
    let mounts: u32 = rest.trim().parse().unwrap();
    assert!(mounts < 30, "{mounts} mounts");
}

#[test]
fn masked_paths_show_nothing_and_read_only_paths_take_nothing() {
    let script = "
        for f in /proc/kcore /proc/keys /proc/timer_list; do [ -e $f ] && head -c 10 $f | wc -c; done
        for d in /proc/acpi /proc/scsi /sys/firmware; do [ -e $d ] && ls -A $d && (echo x > $d/x) 2>&1; done
        echo 0 > /proc/sys/kernel/randomize_va_space; echo b > /proc/sysrq-trigger; echo x > /proc/irq/default_smp_affinity
        mkdir /sys/x; mkdir /sys/fs/cgroup/x; umount /proc/sys; mount -o remount,rw /proc/sys";
    let ended = Fixture::new(script).run();
    assert!(ended.stdout.lines().all(|line| line == "0" || line.contains("Read-only file system")), "{}", ended.stdout);
    assert!(ended.stdout.contains('0'));
    for (path, count) in [("/proc/sys/", 1), ("/proc/sysrq-trigger", 1), ("/proc/irq/", 1), ("/sys/", 2)] {
        // A kernel may be built without the key.
        let count = if fs::exists(path).unwrap() { count } else { 0 };
        let refused = ended.stderr.lines().filter(|line| line.contains(path) && line.contains("Read-only file system"));
        assert!(refused.count() >= count, "{path}: {}", ended.stderr);
    }
    assert!(ended.stderr.contains("umount: can't unmount /proc/sys: Operation not permitted"), "{}", ended.stderr);
}

#[test]
fn the_devices_are_the_default_ones() {
    let script = "cd /dev; stat -c '%n %a %t %T' null zero full random urandom tty; ls; for l in fd ptmx stdout; do readlink $l; done
        head -c 4 zero | od -An -tx1; echo x > null; echo x > full";
    let ended = Fixture::new(script).run();
    let expected = "null 666 1 3\nzero 666 1 5\nfull 666 1 7\nrandom 666 1 8\nurandom 666 1 9\ntty 666 5 0\n\
        core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n\
        /proc/self/fd\npts/ptmx\n/proc/self/fd/1\n 00 00 00 00\n";
    assert_eq!(ended.stdout, expected);
    assert!(ended.stderr.contains("No space left"), "{}", ended.stderr);
}

#[test]
fn further_devices_have_the_mode_and_owner_asked_for() {
    let device = json!({ "path": "/dev/sub/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640,
        "uid": 7, "gid": 8 });
    let fixture = Fixture::new("stat -c '%F %a %u %g %t %T' /dev/sub/fuse").with(|spec| {
        spec["linux"]["devices"] = json!([device]);
    });
    assert_eq!(fixture.run().stdout, "character special file 640 7 8 a e5\n");
}

#[test]
fn seccomp_refuses_what_the_profile_does_not_allow() {
    let script = "grep Seccomp: /proc/self/status; unshare -m true; mount -t tmpfs x /etc; unshare --user true";
    let ended = Fixture::new(script).run();
    assert_eq!(ended.stdout.lines().next(), Some("Seccomp:\t2"));
    assert_eq!(
        ended.stderr.matches("Operation not permitted").count() + ended.stderr.matches("are you root").count(),
        3,
        "{}",
        ended.stderr
    );
    let ended = Fixture::new("grep Seccomp: /proc/self/status")
        .with(|spec| drop(spec["linux"].as_object_mut().unwrap().remove("seccomp")))
        .run();
    assert_eq!(ended.stdout, "Seccomp:\t0\n");
}

#[test]
fn a_seccomp_action_reaches_the_program() {
    let fixture = Fixture::new("mkdir /a; chmod 700 /etc").with(|spec| {
        spec["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [
                { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 },
                { "names": ["chmod", "fchmodat"], "action": "SCMP_ACT_KILL_PROCESS" }
            ]
        });
    });
    let ended = fixture.run();
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    // The shell executes its last command itself: the container's init is killed by SIGSYS.
    assert_eq!((ended.code, ended.signal), (159, Some(31)));
}

#[test]
fn a_sysctl_is_set_in_the_container_alone() {
    let before = fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap();
    let fixture = Fixture::new("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax").with(|spec| {
        spec["linux"]["sysctl"] = json!({ "net.ipv4.ip_default_ttl": "77", "kernel.msgmax": "4711" });
    });
    assert_eq!(fixture.run().stdout, "77\n4711\n");
    assert_eq!(fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap(), before);
    let fixture = Fixture::new("").with(|spec| spec["linux"]["sysctl"] = json!({ "vm.swappiness": "1" }));
    assert!(fixture.refused()["message"].as_str().unwrap().contains("not in a separate kernel namespace"));
}

#[test]
fn a_user_namespace_maps_root_to_somebody_else() {
    let script = "id -u; cat /proc/self/uid_map; cat /proc/1/setgroups; ls -l /dev/null; echo x > /dev/null; mount -t tmpfs x /mnt && echo mounted";
    let fixture = Fixture::new(script).with(|spec| {
        spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
        spec["linux"]["uidMappings"] = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
        spec["linux"]["gidMappings"] = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    });
    // The mapped root must be able to make the mount points.
    fs::set_permissions(fixture.rootfs(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let ended = fixture.run();
    assert!(ended.stdout.starts_with("0\n         0     100000      65536\nallow\ncrw-rw-rw-"), "{ended:?}");
    assert!(!ended.stdout.contains("mounted"));
}
