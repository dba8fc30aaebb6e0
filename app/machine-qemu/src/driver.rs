//! Starting QEMU.

use crate::command::arguments;
use crate::console;
use crate::probe;
use crate::process::Process;
use crate::qmp::Qmp;
use crate::sockets::Sockets;
use crate::version::emulates_several_processors;
use crate::vhost_user::Backend;
use crate::vm::{Belongings, QemuVm};
use async_trait::async_trait;
use berth_machine::boot::{Step, Timeline};
use berth_machine::{Acceleration, Driver, Failure, MachineSpec, Vm, disk, initramfs};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::task::spawn_blocking;

const PROGRAM: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";
/// The first bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const START_AGAIN: &str = "start the machine again with: berth up";

/// The steps of a start, with how long each may take on a busy computer.
const CHECK: Step = Step { name: "check", deadline: Duration::from_secs(5), todo: START_AGAIN };
const DISK: Step =
    Step { name: "disk", deadline: Duration::from_secs(30), todo: "check the disk Berth keeps its data on" };
const INITRAMFS: Step =
    Step { name: "initramfs", deadline: Duration::from_secs(30), todo: "check the disk Berth keeps its data on" };
const HARDWARE: Step = Step { name: "hardware", deadline: Duration::from_secs(30), todo: START_AGAIN };

/// Boots machines with QEMU.
pub struct QemuDriver {
    program: PathBuf,
    acceleration: Acceleration,
}

impl QemuDriver {
    /// A driver that uses the QEMU in `PATH`, with KVM where it works. Finding that out takes well under a second and
    /// blocks.
    #[must_use]
    pub fn detect() -> Self {
        Self { program: PROGRAM.into(), acceleration: probe::acceleration() }
    }

    /// A driver that uses this QEMU, and KVM or not, as told.
    #[must_use]
    pub fn new(program: PathBuf, acceleration: Acceleration) -> Self {
        Self { program, acceleration }
    }
}

#[async_trait]
impl Driver for QemuDriver {
    fn name(&self) -> &'static str {
        "qemu"
    }

    fn acceleration(&self) -> &Acceleration {
        &self.acceleration
    }

    async fn boot(&self, mut spec: MachineSpec, timeline: &mut Timeline) -> Result<Arc<dyn Vm>, Failure> {
        let check = async {
            spec.check()?;
            let program = find(&self.program)?;
            let emulated = matches!(self.acceleration, Acceleration::Software { .. });
            let cpus = if emulated && !emulates_several_processors(&program).await { 1 } else { spec.cpus };
            Ok((program, Sockets::place(&spec.run_dir)?, cpus))
        };
        let (program, sockets, cpus) = timeline.step(CHECK, check).await?;
        spec.cpus = cpus;
        let data = spec.disk.clone();
        timeline.step(DISK, blocking(move || disk::prepare(&data))).await?;
        let (base, extra) = (spec.initramfs.clone(), spec.initramfs_extra.clone());
        let run_dir = spec.run_dir.clone();
        let unpacked = matches!(self.acceleration, Acceleration::Software { .. });
        let joined =
            timeline.step(INITRAMFS, blocking(move || OneBoot::write(&run_dir, &base, unpacked, &extra))).await?;
        let vm = timeline.step(HARDWARE, self.start(&program, &spec, sockets, &joined)).await?;
        Ok(Arc::new(vm))
    }
}

impl QemuDriver {
    async fn start(
        &self,
        program: &Path,
        spec: &MachineSpec,
        sockets: Sockets,
        initramfs: &OneBoot,
    ) -> Result<QemuVm, Failure> {
        let failed = |what: &'static str| move |error: io::Error| Failure::new(what, error, START_AGAIN);
        console::begin(&spec.console_log).map_err(failed("opening the console's file"))?;
        let qemu_log = spec.run_dir.join("qemu.log");
        let output = fs::File::create(&qemu_log).map_err(failed("opening QEMU's log"))?;
        let qmp = UnixListener::bind(&sockets.qmp).map_err(failed("making QEMU's control socket"))?;
        let backend = Backend::listen(&sockets.vsock).map_err(failed("making the vsock device"))?;

        let mut command = Command::new(program);
        command.args(arguments(spec, &self.acceleration, &sockets, &initramfs.0));
        command.stdin(Stdio::null()).stdout(output.try_clone().map_err(failed("opening QEMU's log"))?).stderr(output);
        let (process, mut ended) = Process::spawn(command).await.map_err(|error| explain(program, &error))?;
        let starting = Starting(Some(process));

        let opened = async {
            let (stream, _) = qmp.accept().await?;
            Qmp::open(stream).await
        };
        let opened = tokio::select! {
            biased;
            _ = &mut ended => None,
            opened = opened => Some(opened),
        };
        let qmp = match opened {
            Some(Ok(qmp)) => qmp,
            None => return Err(refusal(&qemu_log, "it ended without a word")),
            Some(Err(error)) => {
                // What QEMU wrote before its end says more than how its connection broke.
                drop(starting);
                drop(ended.await);
                return Err(refusal(&qemu_log, &error.to_string()));
            }
        };
        let belongings = Belongings { backend, sockets, console_log: spec.console_log.clone(), qemu_log };
        Ok(QemuVm::watch(starting.done(), ended, qmp, belongings))
    }
}

/// A QEMU that has not answered yet; when the boot is given up it is killed.
struct Starting(Option<Process>);

impl Starting {
    fn done(mut self) -> Process {
        self.0.take().expect("taken once, by value")
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.kill();
        }
    }
}

/// The initramfs of one boot, with the secret in it; removed when QEMU has read it or the boot has failed.
struct OneBoot(PathBuf);

impl OneBoot {
    /// `base` with `extra` behind it. `unpacked` has the host unpack it: an emulated processor takes 15 ms for each MB.
    fn write(run_dir: &Path, base: &Path, unpacked: bool, extra: &[u8]) -> Result<Self, Failure> {
        let path = run_dir.join("initramfs-of-this-boot");
        let write = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            let base = fs::File::open(base)?;
            if unpacked {
                initramfs::join(plain(base)?, extra, &mut file)
            } else {
                initramfs::join(base, extra, &mut file)
            }
        };
        let result = write();
        let this = Self(path);
        match result {
            Ok(_) => Ok(this),
            Err(error) => {
                let what = format!("writing the initramfs {}", this.0.display());
                Err(Failure::new(what, error, "free some space there and start the machine again"))
            }
        }
    }
}

impl Drop for OneBoot {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.0.display(), "the initramfs of this boot was left behind");
        }
    }
}

/// An archive as it is, or out of its zstd frames.
fn plain(mut archive: fs::File) -> io::Result<Box<dyn Read>> {
    let mut magic = [0; 4];
    let length = archive.read(&mut magic)?;
    archive.rewind()?;
    let packed = magic[..length] == ZSTD_MAGIC;
    Ok(if packed { Box::new(zstd::Decoder::new(archive)?) } else { Box::new(archive) })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let broken = |error| Err(Failure::new("preparing the machine", error, START_AGAIN));
    spawn_blocking(work).await.unwrap_or_else(broken)
}

/// The program's file, looked for as a shell does.
fn find(program: &Path) -> Result<PathBuf, Failure> {
    let found = if program.components().count() > 1 {
        program.is_file().then(|| program.to_owned())
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
    };
    found.ok_or_else(|| missing(program))
}

fn missing(program: &Path) -> Failure {
    Failure::new(
        "looking for QEMU",
        format!("{} is not installed", program.display()),
        format!("install it with: sudo apt install {PACKAGE}"),
    )
}

fn explain(program: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => missing(program),
        _ => Failure::new("starting QEMU", error, START_AGAIN),
    }
}

/// What QEMU wrote before it ended, or `otherwise`, as a failure.
fn refusal(qemu_log: &Path, otherwise: &str) -> Failure {
    let why = console::tail(qemu_log).pop().unwrap_or_else(|| otherwise.into());
    let todo = if why.contains("lock") {
        "another process uses the data disk: stop it, or set BERTH_HOME to another directory"
    } else if why.contains("memory") || why.contains("ftruncate") {
        "give the machine less memory"
    } else {
        START_AGAIN
    };
    Failure::new("starting QEMU", why, todo)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_machine::DataDisk;

    #[tokio::test]
    async fn a_missing_qemu_names_the_package_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["vmlinux", "initrd"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        let spec = MachineSpec {
            kernel: dir.path().join("vmlinux"),
            initramfs: dir.path().join("initrd"),
            initramfs_extra: vec![],
            cmdline: vec![],
            cpus: 1,
            memory_mib: 512,
            disk: DataDisk { path: dir.path().join("data.raw"), bytes: 1 << 20 },
            console_log: dir.path().join("console.log"),
            run_dir: dir.path().into(),
        };
        let software = Acceleration::Software { why: "told so".into() };
        let driver = QemuDriver::new("no-such-qemu".into(), software.clone());
        let failure = driver.boot(spec.clone(), &mut Timeline::new(|_| {})).await.err().unwrap();
        assert!(failure.todo.contains("apt install qemu-system-x86"), "{failure}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);

        let driver = QemuDriver::new("/bin/false".into(), software);
        let failure = driver.boot(spec, &mut Timeline::new(|_| {})).await.err().unwrap();
        assert!(failure.why.contains("ended without a word"), "{failure}");
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["console.log", "data.raw", "initrd", "qemu.log", "vmlinux"], "no socket, no secret");
    }
}
