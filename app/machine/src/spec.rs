//! What a machine is made of.

use crate::Failure;
use std::path::PathBuf;

/// Everything a driver needs to boot one machine. Nothing in it names a hypervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineSpec {
    /// The kernel: an uncompressed `vmlinux` ELF file with a PVH entry point on `x86_64`.
    pub kernel: PathBuf,
    /// The initramfs that ships with the app, any compression the kernel knows.
    pub initramfs: PathBuf,
    /// A cpio archive the kernel unpacks over the initramfs; see [`crate::cpio`]. May be empty.
    pub initramfs_extra: Vec<u8>,
    /// Words for the kernel command line, besides those the driver needs for its hardware.
    pub cmdline: Vec<String>,
    /// Virtual processors, at least one.
    pub cpus: u32,
    /// Memory of the guest, MiB.
    pub memory_mib: u32,
    /// The disk that holds everything worth keeping.
    pub disk: DataDisk,
    /// Where the guest's serial console is written, from the start at each boot; the text of the boot before it is
    /// kept beside it with `.old` appended.
    pub console_log: PathBuf,
    /// An existing directory for sockets and short-lived files, readable by the owner only.
    pub run_dir: PathBuf,
}

/// The data disk of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDisk {
    /// A raw file; created sparse when it is absent, never replaced.
    pub path: PathBuf,
    /// Its size as the guest sees it, bytes. A smaller file is grown; a larger one is left as it is.
    pub bytes: u64,
}

/// The smallest memory a guest boots with, MiB. Debian's kernel and our initramfs need about 150.
pub const MIN_MEMORY_MIB: u32 = 256;

impl MachineSpec {
    /// Checks what can be known before anything is started.
    ///
    /// # Errors
    /// A [`Failure`] that names the file or the number.
    pub fn check(&self) -> Result<(), Failure> {
        const WHAT: &str = "checking the machine's settings";
        for (name, path) in [("kernel", &self.kernel), ("initramfs", &self.initramfs)] {
            if !path.is_file() {
                return Err(Failure::new(
                    WHAT,
                    format!("the {name} is missing at {}", path.display()),
                    "install Berth again",
                ));
            }
        }
        if !self.run_dir.is_dir() {
            return Err(Failure::new(
                WHAT,
                format!("the directory {} is missing", self.run_dir.display()),
                "create it and start the machine again",
            ));
        }
        if self.cpus == 0 || self.memory_mib < MIN_MEMORY_MIB {
            return Err(Failure::new(
                WHAT,
                format!("{} processors and {} MiB of memory are too little", self.cpus, self.memory_mib),
                format!("set at least 1 processor and {MIN_MEMORY_MIB} MiB"),
            ));
        }
        if let Some(word) = self.cmdline.iter().find(|word| word.contains(char::is_whitespace) && !word.contains('"')) {
            return Err(Failure::new(
                WHAT,
                format!("the kernel option {word:?} contains a space"),
                "give each option as a word of its own",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_kernel_and_a_tiny_memory_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("initramfs");
        std::fs::write(&file, b"x").unwrap();
        let mut spec = MachineSpec {
            kernel: dir.path().join("vmlinux"),
            initramfs: file.clone(),
            initramfs_extra: vec![],
            cmdline: vec![],
            cpus: 1,
            memory_mib: 128,
            disk: DataDisk { path: dir.path().join("data.raw"), bytes: 1 << 20 },
            console_log: dir.path().join("console.log"),
            run_dir: dir.path().into(),
        };
        assert!(spec.check().unwrap_err().why.contains("vmlinux"));
        spec.kernel = file;
        assert!(spec.check().unwrap_err().why.contains("128 MiB"));
        spec.memory_mib = 512;
        assert_eq!(spec.check(), Ok(()));
    }
}
