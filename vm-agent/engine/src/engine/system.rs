//! The machine and the engine as a whole.

use super::{Engine, inspect::STORAGE_DRIVER};
use crate::{
    Result,
    container::ContainerState,
    system::{SystemInfo, VersionInfo},
};
use std::{fs, path::Path};

impl Engine {
    /// Counts and the machine's numbers.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn info(&self) -> Result<SystemInfo> {
        let states: Vec<ContainerState> =
            self.inner.roster.all().iter().filter_map(|c| c.now().ok()).map(|live| live.life.status()).collect();
        let count = |wanted: &[ContainerState]| states.iter().filter(|state| wanted.contains(state)).count();
        let running = count(&[ContainerState::Running, ContainerState::Restarting]);
        let paused = count(&[ContainerState::Paused]);
        let system = rustix::system::uname();
        Ok(SystemInfo {
            id: self.inner.id.clone(),
            containers: states.len(),
            running,
            paused,
            stopped: states.len() - running - paused,
            images: self.inner.seams.images.list().await?.len(),
            storage_driver: STORAGE_DRIVER.to_owned(),
            backing_filesystem: filesystem(self.inner.paths.data()),
            kernel_version: system.release().to_string_lossy().into_owned(),
            operating_system: "Berth".to_owned(),
            machine: system.machine().to_string_lossy().into_owned(),
            cpus: cpus(),
            memory: memory(),
            hostname: self.inner.config.hostname.clone(),
            root_dir: self.inner.paths.data().to_string_lossy().into_owned(),
            now: self.inner.seams.clock.now(),
            event_listeners: self.inner.events.listeners(),
            open_files: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            log_driver: self.inner.defaults.log_driver().to_owned(),
            seccomp_profile: self.inner.defaults.seccomp_profile().to_owned(),
            no_new_privileges: self.inner.defaults.no_new_privileges(),
            userns_remap: self.inner.defaults.userns_remap(),
            registry_mirrors: self.inner.config.settings.registry_mirrors.clone(),
            insecure_registries: self.inner.config.settings.insecure_registries.clone(),
            proxies: self.inner.config.settings.proxies.shown(),
            warnings: self.inner.defaults.problem().map(|problem| format!("WARNING: {problem}")).into_iter().collect(),
        })
    }

    /// What runs here.
    #[must_use]
    pub fn version(&self) -> VersionInfo {
        VersionInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel_version: rustix::system::uname().release().to_string_lossy().into_owned(),
            architecture: berth_image::Platform::native().architecture,
            os: "linux".to_owned(),
        }
    }
}

/// How many processors the machine has.
pub(super) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Docker's word for the file system at a path, by its number (linux/magic.h).
fn filesystem(path: &Path) -> String {
    let number = rustix::fs::statfs(path).map_or(0, |stat| stat.f_type);
    match number {
        0xef53 => "extfs".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683e => "btrfs".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x794c_7630 => "overlayfs".to_owned(),
        other => format!("0x{other:x}"),
    }
}

/// The machine's memory, bytes; 0 when the kernel does not say.
pub(super) fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
