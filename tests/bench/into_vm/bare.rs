//! The machine that peer and limit are measured on.

use berth_load::{ECHO, Measure, SERVER, gift, guest, p99, wish};
use berth_machine::boot::Timeline;
use berth_machine::{Channel, Connector, DataDisk, Driver, MachineSpec, ShutdownMode, Vm};
use berth_machine_qemu::QemuDriver;
use berth_tests::Build;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How long the guest may take to boot, and each connection.
const PATIENCE: Duration = Duration::from_secs(120);
const BUFFER: usize = 256 << 10;
const CONNECTS: usize = 400;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Host,
    Guest,
}

/// A guest with nothing but `berth-load`.
pub(super) struct Bare {
    runtime: tokio::runtime::Runtime,
    vm: Arc<dyn Vm>,
    connector: Arc<dyn Connector>,
    port: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Bare {
    pub(super) fn boot() -> Self {
        let folder = tempfile::Builder::new().prefix("berth-").tempdir_in("/tmp").expect("a folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a port");
        let driver =
            QemuDriver::new(qemu_with_a_card(folder.path(), port), QemuDriver::detect().acceleration().clone());
        let spec = MachineSpec {
            kernel: Build::share("vmlinux"),
            initramfs: Build::tool("load-guest.cpio"),
            initramfs_extra: vec![],
            cmdline: vec![],
            cpus: 2,
            memory_mib: 1024,
            disk: DataDisk { path: folder.path().join("data.raw"), bytes: 64 << 20 },
            console_log: folder.path().join("console.log"),
            run_dir: folder.path().into(),
        };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let vm = runtime.block_on(driver.boot(spec, &mut Timeline::new(|_| ()))).expect("the bare guest boots");
        let bare = Self { runtime, connector: vm.connector(), vm, port, _folder: folder };
        bare.runtime.block_on(async {
            let from = Instant::now();
            while let Err(error) = bare.connector.connect(guest::MEASURES, from + PATIENCE).await {
                assert!(from.elapsed() < PATIENCE, "the bare guest does not come up: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        });
        assert!(berth_load::answers(port), "QEMU's forwarded port does not lead to the server");
        bare
    }

    /// The port that QEMU forwards to the server.
    pub(super) fn port(&self) -> SocketAddr {
        self.port
    }

    /// Has the guest measure.
    pub(super) fn measures(&self, measure: Measure, server: SocketAddr) -> f64 {
        let line = format!("{server} {}\n", measure.words().join(" "));
        self.runtime.block_on(async {
            let mut channel = connect(&*self.connector, guest::MEASURES).await;
            channel.write_all(line.as_bytes()).await.expect("a question");
            let mut answer = String::new();
            BufReader::new(channel).read_line(&mut answer).await.expect("an answer");
            answer.trim().parse().expect("a value")
        })
    }

    /// The same of a bare stream to the server, with bulk on its way to the host or to the guest; `None` for what a stream by
    /// itself does not show.
    pub(super) fn raw(&self, measure: Measure, to: To) -> Option<f64> {
        match measure {
            Measure::Bulk { bytes, flows } => Some(self.runtime.block_on(bulk(&self.connector, bytes, flows, to))),
            Measure::ConnectP99 => Some(self.runtime.block_on(connects(&*self.connector))),
            Measure::Busy => None,
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.runtime.block_on(self.vm.shutdown(ShutdownMode::Kill));
    }
}

/// A program that starts QEMU with a card besides what it is told.
fn qemu_with_a_card(folder: &Path, port: SocketAddr) -> std::path::PathBuf {
    let program = folder.join("qemu");
    let forward = format!("hostfwd=tcp:{port}-{}:{SERVER}", guest::GUEST);
    let text = format!(
        "#!/bin/sh\nexec qemu-system-x86_64 \"$@\" -netdev user,id=card,{forward} -device virtio-net-pci,netdev=card\n"
    );
    std::fs::write(&program, text).expect("a script");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a program");
    program
}

async fn connect(connector: &dyn Connector, port: u32) -> Box<dyn Channel> {
    connector.connect(port, Instant::now() + PATIENCE).await.expect("a stream")
}

async fn bulk(connector: &Arc<dyn Connector>, bytes: u64, flows: u64, to: To) -> f64 {
    let from = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..flows {
        let connector = Arc::clone(connector);
        tasks.spawn(async move {
            let channel = connect(&*connector, guest::RAW).await;
            let moved = match to {
                To::Host => take(channel, bytes / flows).await,
                To::Guest => send(channel, bytes / flows).await,
            };
            moved.expect("the stream holds");
        });
    }
    tasks.join_all().await;
    bytes as f64 / 1e6 / from.elapsed().as_secs_f64()
}

async fn take(mut channel: Box<dyn Channel>, mut left: u64) -> io::Result<()> {
    channel.write_all(&wish(left)).await?;
    let mut buffer = vec![0; BUFFER];
    while left > 0 {
        let count = channel.read(&mut buffer).await?;
        assert!(count > 0, "the stream ended {left} bytes early");
        left -= count as u64;
    }
    Ok(())
}

async fn send(mut channel: Box<dyn Channel>, mut left: u64) -> io::Result<()> {
    channel.write_all(&gift(left)).await?;
    let buffer = vec![7; BUFFER];
    while left > 0 {
        let count = left.min(BUFFER as u64);
        channel.write_all(&buffer[..usize::try_from(count).expect("a buffer")]).await?;
        left -= count;
    }
    channel.read_u8().await.map(drop)
}

async fn connects(connector: &dyn Connector) -> f64 {
    let mut times = vec![];
    for _ in 0..CONNECTS {
        let from = Instant::now();
        let mut channel = connect(connector, guest::RAW).await;
        channel.write_all(&[ECHO, b'x']).await.expect("a byte");
        assert_eq!(channel.read_u8().await.expect("an answer"), b'x');
        times.push(from.elapsed().as_secs_f64() * 1e6);
    }
    p99(times)
}
