//! An engine that has nothing to do.

use berth_tests::native::{Engine, Ground};
use std::process::Command;

#[test]
fn an_engine_that_never_ran_a_container_leaves_nothing_behind() {
    let ground = Ground::new();
    let folder = ground.dir().to_owned();
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    drop(Engine::with_busybox(&ground));
    assert!(cgroups().contains(&name), "the ground has a cgroup of its own");
    drop(ground);
    assert!(!cgroups().contains(&name), "its cgroup stays");
    assert!(!folder.exists(), "{} stays", folder.display());
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("the mounts");
    assert!(!mounts.contains(&name), "{mounts}");
}

/// The first level of this machine's cgroup v2 hierarchy, wherever that is mounted.
fn cgroups() -> Vec<String> {
    let script = "mount -t cgroup2 cgroup2 /mnt && ls /mnt";
    let seen = Command::new("unshare").args(["--mount", "--propagation", "private", "sh", "-c", script]).output();
    let seen = seen.expect("unshare");
    assert!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
    String::from_utf8_lossy(&seen.stdout).lines().map(str::to_owned).collect()
}
