//! The engine on this machine's own kernel, without a VM: for benches, fault tests, and trying things out by hand with
//! the unmodified `docker` CLI.
//!
//! ```text
//! native-engine DIR              makes its ground and serves DIR/docker.sock until SIGTERM or SIGINT
//! native-engine DIR --hold       makes the ground, says "ready", and keeps it until standard input ends
//! native-engine DIR --join PID   serves on the ground that process PID holds
//! ```
//!
//! Where the guest listens on a vsock port for forwarded connections and for who publishes ports, this listens on
//! DIR/vsock-PORT.sock, with a secret of zeros: `app/host/examples/native-ports` is the host's side.
//!
//! The ground is a network and a mount namespace and a part of the cgroup v2 hierarchy named after DIR. Killing a
//! process that serves leaves its containers alive; another one that joins takes them up. Needs root, `ip`, `nft`, and
//! `berth-runtime` two directories above this program's own or in `BERTH_RUNTIME`. Nothing leads out of the ground:
//! pulls find no registry. Settings are read from DIR/daemon.json.

#[path = "../../src/bin/berth-engine/accept.rs"]
#[expect(dead_code, reason = "sockets of another family are bound here")]
mod accept;
#[path = "../../src/bin/berth-engine/api.rs"]
mod api;
#[path = "../../src/bin/berth-engine/console.rs"]
mod console;
#[path = "../../src/bin/berth-engine/file_limit.rs"]
mod file_limit;
#[path = "../../src/bin/berth-engine/forward/mod.rs"]
mod forward;
mod ground;
#[path = "../../src/bin/berth-engine/handshake.rs"]
mod handshake;
#[path = "../../src/bin/berth-engine/listen.rs"]
mod listen;
#[path = "../../src/bin/berth-engine/presence.rs"]
mod presence;

use anyhow::{Context, anyhow, bail};
use berth_engine::{Engine, EngineConfig};
use berth_protocol::{
    boot::{DeviceUplink, Secret, Uplink},
    port,
    settings::EngineSettings,
};
use ground::Ground;
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
};

/// As in the guest.
const GRACE: Duration = Duration::from_secs(8);

fn main() -> anyhow::Result<()> {
    console::start();
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().context("usage: native-engine DIR [--hold | --join PID]")?;
    fs::create_dir_all(&dir).with_context(|| format!("{dir} cannot be made"))?;
    let dir = fs::canonicalize(dir)?;
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => {
            let ground = Ground::make(&dir)?;
            serve(&dir)?;
            ground.leave()
        }
        (Some("--hold"), None) => {
            let ground = Ground::make(&dir)?;
            println!("ready");
            io::copy(&mut io::stdin().lock(), &mut io::sink())?;
            ground.leave()
        }
        (Some("--join"), Some(holder)) => {
            ground::join(holder.parse().context("PID is not a number")?)?;
            serve(&dir)
        }
        _ => bail!("usage: native-engine DIR [--hold | --join PID]"),
    }
}

fn serve(dir: &Path) -> anyhow::Result<()> {
    file_limit::raise();
    let config = config(dir)?;
    forward::start(|| vsock(dir, port::FORWARD), secret())?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(config, dir))
}

async fn run(config: EngineConfig, dir: &Path) -> anyhow::Result<()> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let engine = Engine::open(config).await.context("the engine's state could not be opened")?;
    let router = berth_docker_api::router(engine.clone());
    let publisher = engine.clone();
    let publish = move |stream| {
        let engine = publisher.clone();
        async move {
            if let Err(error) = engine.publish_link(stream).await {
                tracing::warn!("{error}");
            }
        }
    };
    tokio::spawn(listen::serve(vsock(dir, port::PUBLISH)?, port::PUBLISH, secret(), publish));
    let socket = dir.join("docker.sock");
    let listener = bind(&socket)?;
    println!("ready");
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(api::serve(stream, router.clone()))),
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("stopping every container");
    engine.shutdown(GRACE).await;
    Ok(fs::remove_file(&socket)?)
}

/// It guards nothing that the folder does not.
fn secret() -> Secret {
    Secret::new([0; 32])
}

/// Listens where the guest does on a vsock port.
fn vsock(dir: &Path, port: u32) -> anyhow::Result<UnixListener> {
    bind(&dir.join(format!("vsock-{port}.sock")))
}

/// Listens for this user only. What one that was killed has left is replaced.
fn bind(socket: &Path) -> anyhow::Result<UnixListener> {
    fs::remove_file(socket)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    let listener = UnixListener::bind(socket).with_context(|| format!("{} cannot be listened at", socket.display()))?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn config(dir: &Path) -> anyhow::Result<EngineConfig> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("berth-runtime"));
    let runtime = std::env::var_os("BERTH_RUNTIME").map(PathBuf::from).or_else(beside);
    let runtime = runtime.filter(|path| path.exists()).context("there is no berth-runtime: set BERTH_RUNTIME")?;
    let run = dir.join("run");
    fs::create_dir_all(&run)?;
    // A machine's own kernel has its modules loaded, or loads them when they are needed.
    fs::write(run.join("modules-loaded"), "")?;
    // Addresses of nobody: they only stand in the containers' files.
    let uplink = DeviceUplink {
        interface: "eth0".into(),
        address: [10, 0, 2, 15].into(),
        prefix: 24,
        gateway: [10, 0, 2, 2].into(),
        dns: vec![[10, 0, 2, 3].into()],
        // Where a test puts what stands for the user's own machine.
        host: berth_protocol::uplink::HOST.into(),
    };
    Ok(EngineConfig {
        data: dir.join("data"),
        modules_loaded: run.join("modules-loaded"),
        modules_failed: run.join("modules-failed"),
        run,
        cgroup_root: "/sys/fs/cgroup".into(),
        runtime,
        uplink: Uplink::Device(uplink),
        ca_roots_pem: vec![],
        registry_certificates: BTreeMap::new(),
        hostname: "berth".into(),
        settings: settings(&dir.join("daemon.json"))?,
        host_routes: vec![],
    })
}

fn settings(path: &Path) -> anyhow::Result<EngineSettings> {
    match fs::read(path) {
        Ok(json) => EngineSettings::read(&json, |path| fs::read_to_string(path))
            .map_err(|why| anyhow!("{}: {why}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(EngineSettings::default()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}
