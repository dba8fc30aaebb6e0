//! The top of the cgroup tree: `system/engine` for the engine, `berth` above all containers.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the tree is mounted.
pub(crate) const TREE: &str = "/sys/fs/cgroup";
/// The engine's group.
pub(crate) const ENGINE: &str = "system/engine";
/// The group above all containers.
const CONTAINERS: &str = "berth";

/// Why the tree is incomplete.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up cgroups at {path}; the kernel does not fit this Berth, install Berth again")]
pub(crate) struct CgroupError {
    path: PathBuf,
    source: std::io::Error,
}

/// Makes the groups below `tree` and hands every controller the kernel has down to them.
pub(crate) fn set_up(tree: &Path) -> Result<(), CgroupError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| CgroupError { path, source }
    };
    let list = tree.join("cgroup.controllers");
    let wanted = delegation(&fs::read_to_string(&list).map_err(fail(&list))?);
    for group in ["", "system", CONTAINERS] {
        let group = tree.join(group);
        fs::create_dir_all(&group).map_err(fail(&group))?;
        let control = group.join("cgroup.subtree_control");
        fs::write(&control, &wanted).map_err(fail(&control))?;
    }
    let engine = tree.join(ENGINE);
    fs::create_dir_all(&engine).map_err(fail(&engine))
}

/// Moves a process into the engine's group.
pub(crate) fn join_engine(tree: &Path, pid: u32) -> Result<(), CgroupError> {
    let path = tree.join(ENGINE).join("cgroup.procs");
    fs::write(&path, pid.to_string()).map_err(|source| CgroupError { path, source })
}

fn delegation(controllers: &str) -> String {
    controllers.split_whitespace().map(|name| format!("+{name}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_engine_get_every_controller() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        set_up(dir.path()).unwrap();
        for group in [".", "system", "berth"] {
            let control = fs::read_to_string(dir.path().join(group).join("cgroup.subtree_control")).unwrap();
            assert_eq!(control, "+cpu +memory +pids");
        }
        assert!(dir.path().join("system/engine").is_dir());
    }
}
