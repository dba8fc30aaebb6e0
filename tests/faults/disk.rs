//! A data disk of the engine's own: a file with an ext4 filesystem, mounted on the engine's ground as the guest mounts its.

use berth_tests::native::Ground;
use std::path::Path;
use std::process::Command;

/// A mounted disk. The mount goes with this value or with its ground.
pub(crate) struct Disk<'a> {
    ground: &'a Ground,
}

impl<'a> Disk<'a> {
    /// Makes the filesystem in `file`.
    pub(crate) fn format(file: &Path) {
        let mut mkfs = Command::new("mkfs.ext4");
        ran(mkfs.args(["-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(file));
    }

    /// Mounts `file` where the engine keeps its data.
    pub(crate) fn mount(ground: &'a Ground, file: &Path) -> Self {
        let place = ground.dir().join("data");
        std::fs::create_dir_all(&place).expect("a folder");
        ran(ground.command("mount").args(["-o", "loop,discard,noatime,errors=remount-ro"]).arg(file).arg(place));
        Self { ground }
    }

    /// Where its files are seen from outside of the ground.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.ground.path(&self.ground.dir().join("data").to_string_lossy())
    }

    /// What is there of images: blobs, layers, and what is on its way.
    pub(crate) fn objects(&self) -> std::collections::BTreeSet<std::path::PathBuf> {
        let places = ["blobs/sha256", "layers", "tmp"].map(|place| self.path().join(place));
        let names = |place| std::fs::read_dir(place).expect("a folder").flatten().map(|entry| entry.path());
        places.into_iter().flat_map(names).collect()
    }

    /// Bytes that are free.
    pub(crate) fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.path()).expect("the filesystem");
        stat.f_bfree * stat.f_frsize
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // The engine was killed a moment ago and may still let go of files.
        for _ in 0..100 {
            let mut umount = self.ground.command("umount");
            if umount.arg(self.ground.dir().join("data")).output().expect("umount").status.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        eprintln!("the data disk is still in use");
    }
}

/// Runs a program that must succeed.
pub(crate) fn ran(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
