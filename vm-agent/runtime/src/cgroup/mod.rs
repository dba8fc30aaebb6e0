//! Control groups, version 2 only: a directory per container, written and read as files.

mod device_program;
mod devices;
mod freezer;
mod limits;

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{OFlag, open},
    sys::{
        stat::Mode,
        statfs::{CGROUP2_SUPER_MAGIC, statfs},
    },
    unistd::Pid,
};
use oci_spec::runtime::LinuxResources;

use crate::failure::{Context, Failure};

const MOUNT: &str = "/sys/fs/cgroup";
/// What a container's limits are made of.
const CONTROLLERS: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
/// How long the kernel may take to let go of a cgroup whose processes have been killed.
const REMOVAL: Duration = Duration::from_secs(10);

/// A container's cgroup.
#[derive(Debug)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// The cgroup at `path` (`linux.cgroupsPath`), below the cgroup mount whether it begins with a slash or not.
    ///
    /// # Errors
    /// A path that is not a plain one: `..`, or systemd's `slice:prefix:name`.
    pub(crate) fn at(path: &Path) -> Result<Self, Failure> {
        let refused = |why: &str| Err(Failure::other(format!("linux.cgroupsPath {}: {why}", path.display())));
        if path.as_os_str().as_encoded_bytes().contains(&b':') {
            return refused("systemd's form is not supported; give a path");
        }
        let mut directory = PathBuf::from(MOUNT);
        for component in path.components() {
            match component {
                std::path::Component::Normal(name) => directory.push(name),
                std::path::Component::RootDir | std::path::Component::CurDir => {}
                _ => return refused("may not contain .."),
            }
        }
        if directory == Path::new(MOUNT) {
            return refused("names the root of all cgroups");
        }
        Ok(Self(directory))
    }

    /// Makes it with the limits and the device policy of `resources`, for a container to be cloned into.
    ///
    /// # Errors
    /// When cgroup v2 is not mounted, a controller is missing for a limit that is asked for, or the cgroup is in use.
    pub(crate) fn create(&self, resources: Option<&LinuxResources>) -> Result<(), Failure> {
        if !statfs(MOUNT).is_ok_and(|status| status.filesystem_type() == CGROUP2_SUPER_MAGIC) {
            return Err(Failure::other(format!("cgroup v2 is not mounted at {MOUNT}; mount it")));
        }
        self.create_directories().context(format_args!("create cgroup {}", self.0.display()))?;
        if !self.processes().context("read cgroup.procs")?.is_empty() {
            let directory = self.0.display();
            return Err(Failure::other(format!("cgroup {directory} is in use by another container")));
        }
        let result = self.restrict(resources);
        if result.is_err() {
            // The first error is the one to tell; the directory is empty and harms nobody if it stays.
            self.remove().ok();
        }
        result
    }

    fn restrict(&self, resources: Option<&LinuxResources>) -> Result<(), Failure> {
        if let Some(resources) = resources {
            self.limit(resources)?;
        }
        devices::restrict(&self.open()?, resources.and_then(|resources| resources.devices().as_deref()))
    }

    /// Writes the limits of `resources`; those that it does not name stay.
    ///
    /// # Errors
    /// Values that contradict each other, and those the kernel refuses: what was written before one stays written.
    pub(crate) fn limit(&self, resources: &LinuxResources) -> Result<(), Failure> {
        let bfq = self.0.join(limits::BFQ_WEIGHT).exists();
        for setting in limits::settings(resources, bfq)? {
            setting.write(&self.0)?;
        }
        Ok(())
    }

    fn create_directories(&self) -> io::Result<()> {
        let parent = self.0.parent().unwrap_or(&self.0);
        fs::create_dir_all(parent)?;
        let mut ancestors: Vec<&Path> = parent.ancestors().take_while(|path| path.starts_with(MOUNT)).collect();
        ancestors.reverse();
        for ancestor in ancestors {
            enable_controllers(ancestor)?;
        }
        match fs::create_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// A descriptor to clone into.
    pub(crate) fn open(&self) -> Result<OwnedFd, Failure> {
        open(&self.0, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .context(format_args!("open cgroup {}", self.0.display()))
    }

    /// The processes directly in it, as the caller's pid namespace numbers them.
    pub(crate) fn processes(&self) -> io::Result<Vec<Pid>> {
        let text = fs::read_to_string(self.0.join("cgroup.procs"))?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).map(Pid::from_raw).collect())
    }

    /// Kills everything in it and below it. A cgroup that is gone has nothing to kill.
    pub(crate) fn kill(&self) -> Result<(), Failure> {
        match fs::write(self.0.join("cgroup.kill"), "1") {
            Err(error) if is_gone(&error) => Ok(()),
            result => result.context(format_args!("kill cgroup {}", self.0.display())),
        }
    }

    /// The cgroup that process `pid` is in, as this process's cgroup namespace sees it.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn of(pid: Pid) -> Result<Self, Failure> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).context("read the container's cgroup")?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::"));
        Self::at(Path::new(path.ok_or_else(|| Failure::other("the container has no cgroup v2"))?))
    }

    /// How many of its processes the kernel has killed for lack of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let events = fs::read_to_string(self.0.join("memory.events")).unwrap_or_default();
        let count = |line: &str| line.strip_prefix("oom_kill ").and_then(|count| count.trim().parse().ok());
        events.lines().find_map(count).unwrap_or(0)
    }

    /// Removes it and those the container has made below it, waiting for killed processes to be gone.
    ///
    /// # Errors
    /// When processes remain in it.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + REMOVAL;
        let mut pause = Duration::from_millis(1);
        loop {
            match remove_tree(&self.0) {
                Ok(()) => return Ok(()),
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < deadline => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                Err(error) => return Err(error).context(format_args!("remove cgroup {}", self.0.display())),
            }
        }
    }
}

/// A controller that this kernel lacks, or that another holds, is missed only when a limit needs it.
fn enable_controllers(directory: &Path) -> io::Result<()> {
    let enabled = fs::read_to_string(directory.join("cgroup.subtree_control"))?;
    let available = fs::read_to_string(directory.join("cgroup.controllers"))?;
    let has = |list: &str, name: &str| list.split_ascii_whitespace().any(|entry| entry == name);
    for name in CONTROLLERS.into_iter().filter(|name| has(&available, name) && !has(&enabled, name)) {
        fs::write(directory.join("cgroup.subtree_control"), format!("+{name}")).ok();
    }
    Ok(())
}

/// A cgroup's files go with it; only the directories are removed.
fn remove_tree(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
        result => return result,
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_mount_or_refused() {
        for path in ["/berth/x", "berth/x", "berth//x/"] {
            assert_eq!(Cgroup::at(Path::new(path)).unwrap().0, Path::new("/sys/fs/cgroup/berth/x"));
        }
        for path in ["/", "", "../x", "/berth/../../x", "system.slice:berth:x"] {
            assert!(Cgroup::at(Path::new(path)).is_err(), "{path}");
        }
    }
}
