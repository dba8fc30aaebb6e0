//! What an engine stands on: namespaces and a part of the cgroup hierarchy.

use anyhow::{Context, bail};
use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, setns, unshare},
    sys::statfs::{CGROUP2_SUPER_MAGIC, statfs},
};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

const CGROUPS: &str = "/sys/fs/cgroup";

/// The ground that this process holds.
pub(crate) struct Ground {
    cgroups: PathBuf,
}

impl Ground {
    /// Moves this process, which must have one thread, onto ground of its own. The engine's cgroups are below one named
    /// after `dir`: one hierarchy exists for the whole machine, and an engine sweeps what it does not know.
    pub(crate) fn make(dir: &Path) -> anyhow::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).context("no new namespaces: this needs root")?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        // As in the guest: what a container mounts must not reach even a shared mount.
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SHARED, None::<&str>)?;
        if !Command::new("ip").args(["link", "set", "lo", "up"]).status()?.success() {
            bail!("ip could not bring the loopback interface up");
        }
        if statfs(CGROUPS)?.filesystem_type() != CGROUP2_SUPER_MAGIC {
            mount(Some("cgroup2"), CGROUPS, Some("cgroup2"), MsFlags::empty(), None::<&str>)?;
        }
        let cgroups = Path::new(CGROUPS).join(dir.file_name().context("a directory other than / is needed")?);
        fs::create_dir_all(&cgroups)?;
        mount(Some(&cgroups), CGROUPS, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        Ok(Self { cgroups })
    }

    /// Takes the cgroups away; they stay when something still runs in them.
    pub(crate) fn leave(self) -> anyhow::Result<()> {
        umount(CGROUPS)?;
        for empty in [self.cgroups.join("berth"), self.cgroups] {
            match fs::remove_dir(&empty) {
                // The engine makes its own with the first container.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.with_context(|| format!("{} is still in use", empty.display()))?,
            }
        }
        Ok(())
    }
}

/// Moves this process, which must have one thread, onto the ground of `holder`.
pub(crate) fn join(holder: u32) -> anyhow::Result<()> {
    let open = |kind: &str| {
        let path = format!("/proc/{holder}/ns/{kind}");
        File::open(&path).with_context(|| format!("{path} cannot be opened"))
    };
    let (net, mounts) = (open("net")?, open("mnt")?);
    setns(net, CloneFlags::CLONE_NEWNET)?;
    Ok(setns(mounts, CloneFlags::CLONE_NEWNS)?)
}
