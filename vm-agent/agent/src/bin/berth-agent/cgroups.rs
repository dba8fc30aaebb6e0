//! The top of the cgroup tree: `system` for our programs, one group each, `berth` above all containers, with a ceiling that leaves
//! the engine room to work whatever the containers do.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the tree is mounted.
pub(crate) const TREE: &str = "/sys/fs/cgroup";
/// The engine's group.
pub(crate) const ENGINE: &str = "system/engine";
/// The group of what carries packets to the host.
pub(crate) const UPLINK: &str = "system/uplink";
/// The group above all containers.
const CONTAINERS: &str = "berth";

/// Of the processes that the machine can have, this part is for containers.
const CONTAINERS_PROCESSES: (u64, u64) = (3, 4);
/// Memory that containers cannot take: a sixteenth of the machine's, and no less than this, bytes.
const KEPT_MEMORY: u64 = 96 << 20;

/// What a machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Processes and threads that can be at once.
    pub(crate) processes: u64,
    /// Memory, bytes.
    pub(crate) memory: u64,
}

impl Machine {
    /// This one; `proc` is where the kernel tells.
    ///
    /// # Errors
    /// When the kernel tells nothing that can be understood.
    pub(crate) fn read(proc: &Path) -> Result<Self, CgroupError> {
        let number = |name: &str, word: usize| {
            let path = proc.join(name);
            let text = fs::read_to_string(&path).map_err(|source| CgroupError { path: path.clone(), source })?;
            let number = text.split_whitespace().nth(word).and_then(|word| word.parse::<u64>().ok());
            number.ok_or_else(|| CgroupError { path, source: std::io::ErrorKind::InvalidData.into() })
        };
        let processes = number("sys/kernel/threads-max", 0)?.min(number("sys/kernel/pid_max", 0)?);
        // The first line is `MemTotal: … kB`.
        Ok(Self { processes, memory: number("meminfo", 1)? << 10 })
    }
}

/// Why the tree is incomplete.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up cgroups at {path}; the kernel does not fit this Berth, install Berth again")]
pub(crate) struct CgroupError {
    path: PathBuf,
    source: std::io::Error,
}

/// Makes the groups below `tree`, hands every controller the kernel has down to them, and leaves containers their part
/// of the machine.
pub(crate) fn set_up(tree: &Path, machine: Machine) -> Result<(), CgroupError> {
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
    let (part, of) = CONTAINERS_PROCESSES;
    let kept = KEPT_MEMORY.max(machine.memory / 16);
    // A group without a limit would let a fork bomb take the last process, and a hog the last page, before the engine
    // could end them.
    for (file, limit) in
        [("pids.max", machine.processes * part / of), ("memory.max", machine.memory.saturating_sub(kept))]
    {
        let path = tree.join(CONTAINERS).join(file);
        fs::write(&path, limit.to_string()).map_err(fail(&path))?;
    }
    for group in [ENGINE, UPLINK] {
        let group = tree.join(group);
        fs::create_dir_all(&group).map_err(fail(&group))?;
    }
    Ok(())
}

/// Moves a process into a group.
pub(crate) fn join(tree: &Path, group: &str, pid: u32) -> Result<(), CgroupError> {
    let path = tree.join(group).join("cgroup.procs");
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
        set_up(dir.path(), Machine { processes: 1000, memory: 4 << 30 }).unwrap();
        for group in [".", "system", "berth"] {
            let control = fs::read_to_string(dir.path().join(group).join("cgroup.subtree_control")).unwrap();
            assert_eq!(control, "+cpu +memory +pids");
        }
        assert!(dir.path().join("system/engine").is_dir() && dir.path().join("system/uplink").is_dir());
    }

    #[test]
    fn containers_leave_the_engine_processes_and_memory() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cgroup.controllers"), "memory pids\n").unwrap();
        for (memory, left) in [(4 << 30, (4_u64 << 30) - (256 << 20)), (1 << 30, (1 << 30) - KEPT_MEMORY)] {
            set_up(dir.path(), Machine { processes: 1000, memory }).unwrap();
            let limit = |file: &str| fs::read_to_string(dir.path().join("berth").join(file)).unwrap();
            assert_eq!((limit("pids.max"), limit("memory.max")), ("750".to_owned(), left.to_string()));
        }
    }

    #[test]
    fn the_machine_is_what_the_kernel_tells() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sys/kernel")).unwrap();
        for (file, text) in [
            ("sys/kernel/threads-max", "15000\n"),
            ("sys/kernel/pid_max", "32768\n"),
            ("meminfo", "MemTotal:        2014200 kB\nMemFree:  1 kB\n"),
        ] {
            fs::write(dir.path().join(file), text).unwrap();
        }
        let machine = Machine::read(dir.path()).unwrap();
        assert_eq!((machine.processes, machine.memory), (15_000, 2_014_200 << 10));
        fs::write(dir.path().join("meminfo"), "").unwrap();
        assert!(Machine::read(dir.path()).is_err());
    }
}
