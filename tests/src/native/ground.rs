//! The ground that engines stand on, and what they leave on it.

use super::{program, started};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A network and a mount namespace and a part of the cgroup hierarchy, held by a process; engines come and go on it.
pub struct Ground {
    folder: tempfile::TempDir,
    holder: Child,
    held_by: Option<ChildStdin>,
}

/// What containers leave behind while they run: all of it is gone when none is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Mount points below the engine's folders.
    pub mounts: BTreeSet<String>,
    /// Interfaces other than loopback and the bridge.
    pub links: BTreeSet<String>,
    /// Cgroups of containers.
    pub cgroups: BTreeSet<String>,
    /// Directories of containers: durable ones, bundles, snapshots, network namespaces, runtime state.
    pub folders: BTreeSet<String>,
}

impl Ground {
    /// Makes one.
    ///
    /// # Panics
    /// When the system gives none; it takes root.
    #[must_use]
    pub fn new() -> Self {
        // On a disk: an overlay's writable part cannot be on every temporary filesystem.
        let folder = tempfile::Builder::new().prefix("bt").tempdir_in("/var/tmp").expect("a folder");
        let mut command = Command::new(program("examples/native-engine"));
        let mut holder = started(command.arg(folder.path()).arg("--hold").stdin(Stdio::piped()));
        let held_by = holder.stdin.take();
        Self { folder, holder, held_by }
    }

    /// The engines' folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The process that holds the namespaces.
    #[must_use]
    pub fn holder(&self) -> u32 {
        self.holder.id()
    }

    /// A program that runs on this ground.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder().to_string(), "-n", "-m", "--"]).arg(program);
        command
    }

    /// Moves this process, which must have one thread, onto this ground, so that what it starts is there at once.
    ///
    /// # Panics
    /// When it may not.
    pub fn enter(&self) {
        use nix::sched::{CloneFlags, setns};
        for (kind, flag) in [("net", CloneFlags::CLONE_NEWNET), ("mnt", CloneFlags::CLONE_NEWNS)] {
            let namespace = std::fs::File::open(format!("/proc/{}/ns/{kind}", self.holder())).expect("a namespace");
            setns(namespace, flag).expect("the ground is entered by root, from one thread");
        }
    }

    /// A path as it is on this ground.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.holder()))
    }

    /// How many processes on this ground have this name.
    ///
    /// # Panics
    /// When the system has no `/proc`.
    #[must_use]
    pub fn processes(&self, name: &str) -> usize {
        let namespace = |pid: &Path| std::fs::read_link(pid.join("ns/mnt")).ok();
        let ours = namespace(Path::new(&format!("/proc/{}", self.holder())));
        let named = |pid: &Path| std::fs::read_to_string(pid.join("comm")).is_ok_and(|comm| comm.trim() == name);
        let all = std::fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path());
        all.filter(|pid| named(pid) && namespace(pid) == ours).count()
    }

    /// What is there of images: blobs, layers, and what is on its way.
    #[must_use]
    pub fn objects(&self) -> BTreeSet<String> {
        self.names_below(&["data/blobs/sha256", "data/layers", "data/tmp"])
    }

    /// What is there of containers now.
    ///
    /// # Panics
    /// When the ground cannot be looked at.
    #[must_use]
    pub fn traces(&self) -> Traces {
        let mounts = std::fs::read_to_string(format!("/proc/{}/mounts", self.holder())).expect("the mounts");
        let below =
            |line: &str| Some(line.split(' ').nth(1)?.to_owned()).filter(|at| Path::new(at).starts_with(self.dir()));
        let links = self.command("ip").args(["-o", "link"]).output().expect("ip").stdout;
        let links = String::from_utf8(links).expect("names");
        let names = links.lines().filter_map(|line| Some(line.split(": ").nth(1)?.to_owned()));
        let cgroups = self.path("/sys/fs/cgroup/berth");
        Traces {
            mounts: mounts.lines().filter_map(below).collect(),
            links: names.filter(|name| name != "lo" && name != "berth0").collect(),
            cgroups: names_in(&cgroups).into_iter().filter(|name| cgroups.join(name).is_dir()).collect(),
            folders: self.names_below(&["data/containers", "run/containers", "run/netns", "run/runtime"]),
        }
    }

    fn names_below(&self, places: &[&str]) -> BTreeSet<String> {
        let names = |place: &&str| {
            let all = names_in(&self.dir().join(place)).into_iter();
            all.map(|name| format!("{place}/{name}")).collect::<Vec<_>>()
        };
        places.iter().flat_map(names).collect()
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

impl Default for Ground {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // A case that failed leaves containers; the holder's end takes their mounts and links with it.
        std::fs::write(self.path("/sys/fs/cgroup/berth/cgroup.kill"), "1").ok();
        std::thread::sleep(std::time::Duration::from_millis(50));
        for cgroup in names_in(&self.path("/sys/fs/cgroup/berth")) {
            std::fs::remove_dir(self.path("/sys/fs/cgroup/berth").join(cgroup)).ok();
        }
        self.held_by = None;
        self.holder.wait().ok();
    }
}
